"""`--evaluate`: test a checkpoint on one split."""

from data_preprocessing.folders import read_split
from engine import data, record
from engine.checkpoint import load_checkpoint
from engine.classes import output_classes
from engine.errors import UsageError
from engine.evaluate import predict
from engine.outputs import report
from engine.precision import choose_precision
from engine.protocols import PROTOCOLS
from engine.seed import seed_everything
from engine.settings import resolve
from engine.setup import build_model, choose_device, load_weights


def evaluate(flags: dict) -> None:
    """Test the checkpoint `flags["evaluate"]`; figures, plots and predictions.csv go to a log folder of their own.

    flags: the command line's, only those given. Raises UsageError or DataError before anything is written.
    """
    log = record.Log()
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags.get("model"))
    settings = resolve(flags, checkpoint.args)
    device = choose_device(settings.device, settings.gpu, log.say)
    precision = choose_precision(settings.precision, device, log.say)
    folders = data.locate(settings.data, log.say)
    name = settings.split or ("test" if "test" in folders else "valid")
    if name not in folders:
        raise UsageError(f"--split {name}: found only {', '.join(str(p) for p in folders.values())}")
    split = read_split(name, folders[name])
    classes, explanation = output_classes(checkpoint, split, flags.get("data_type"))
    model = build_model(checkpoint.model, checkpoint.num_outputs, checkpoint.model_options, device)
    load_weights(model, checkpoint, "--evaluate", log.say)
    log.say(explanation)
    [split], fingerprints = data.checked([split], settings.skip_bad_images, log.say)
    seed_everything(settings.seed)
    split = split.reordered(classes)
    folder = record.LOG_ROOT / record.create_run("evaluate", settings.run)
    log.open(folder / "log.txt")
    facts = dict(classes=classes, fingerprints=fingerprints, trained_on=checkpoint.fingerprints, device=str(device))
    record.write_arguments(folder, vars(settings), **facts)
    loader = data.evaluation_loader(split, PROTOCOLS[settings.data_type], settings, device)
    predictions = predict(model, loader, device, precision, data.progress)
    report(folder, checkpoint.model, predictions, split, classes, log.say)
