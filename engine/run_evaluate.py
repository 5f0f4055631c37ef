"""`--evaluate`: test a checkpoint on one split."""

from engine import data, record
from engine.checkpoint import load_checkpoint
from engine.classes import output_classes
from engine.errors import UsageError
from engine.evaluate import predict
from engine.outputs import report
from engine.precision import choose_precision
from engine.seed import seed_everything
from engine.settings import resolve
from engine.setup import BGR, build_model, choose_device, load_weights, model_options, model_title

WITH_LABELS = (
    "warning: --margin-at-eval: these figures use the labels: the head subtracts its margin from the true class, as the "
    "published evaluation does, so they are no measure of prediction; leave the flag out for one"
)


def evaluate(flags: dict) -> None:
    """Test the checkpoint `flags["evaluate"]`; figures, plots and predictions.csv go to a log folder of their own.

    flags: the command line's, only those given. Raises UsageError or DataError before anything is written.
    """
    log = record.Log()
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags)
    settings = resolve(flags, checkpoint.settings)
    device = choose_device(settings.device, settings.gpu, log.say)
    precision = choose_precision(settings.precision, device, log.say)
    sources = data.locate(settings.data, log.say)
    name = settings.split or ("test" if "test" in sources else "valid")
    if name not in sources:
        raise UsageError(f"--split {name}: {settings.data} has only {', '.join(sources)}")
    split = sources[name]()
    classes, explanation = output_classes(checkpoint, split, flags.get("data_type"))
    model = build_model(checkpoint.model, checkpoint.num_outputs, model_options(settings), device)
    load_weights(model, checkpoint, "--evaluate", log.say)
    log.say(explanation)
    if settings.channel_order == "bgr":
        log.say(BGR)
    [split], fingerprints = data.checked([split], settings.skip_bad_images, log.say)
    seed_everything(settings.seed)
    split = split.reordered(classes)
    folder = record.LOG_ROOT / record.create_run("evaluate", settings.run)
    log.open(folder / "log.txt")
    facts = dict(classes=classes, fingerprints=fingerprints, trained_on=checkpoint.fingerprints, device=str(device))
    record.write_arguments(folder, vars(settings), **facts, audit=data.audited(settings.data, log.say))
    # one pass over the pictures is no use for a cache, unless one is asked for
    cached = data.caching(settings, fingerprints, log.say) if "cache" in flags else None
    loader = data.evaluation_loader(split, settings, device, cached)
    predictions = predict(model, loader, device, precision, data.progress, with_labels=bool(settings.margin_at_eval))
    report(folder, model_title(settings), predictions, split, classes, log.say)
    if settings.margin_at_eval:
        log.say(WITH_LABELS)
