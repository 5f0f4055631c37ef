"""`--evaluate`: test a checkpoint on one split."""

from collections.abc import Callable
from pathlib import Path

import torch

from data_preprocessing.common.words import only_if
from data_preprocessing.sources.folders import Split
from engine import data, memory
from engine.arithmetic import choose_arithmetic
from engine.checkpoints.class_names import output_classes
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.commands.results import checkpoint_facts, report
from engine.config.flags import Settings
from engine.config.settings import resolve
from engine.config.wishes import without_effect
from engine.distributed import join_group, leave_group
from engine.errors import UsageError
from engine.evaluation.leaks import as_facts, evaluation_warning, tested_before
from engine.evaluation.predictions import predict
from engine.network import choose_device, model_title, tested_network
from engine.precision import choose_precision
from engine.report.run_page import RunPage
from engine.run_folder import layout
from engine.run_folder.provenance import provenance
from engine.seed import seed_everything
from engine.training.stalls import watched

WITH_LABELS = (
    "warning: --margin-at-eval: these figures use the labels: the head subtracts its margin from the true class, as the "
    "published evaluation does, so they are no measure of prediction; leave the flag out for one"
)


def evaluate(flags: dict) -> None:
    """Test the checkpoint `flags["evaluate"]`; figures, plots and predictions.csv go to flags["out"] or a new folder in log/.

    flags: the command line's, only those given. Raises UsageError or DataError before anything is written.
    """
    group = join_group()
    log = layout.Log(speaks=group.is_main)
    layout.require_place(flags.get("out"))
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags)
    settings = resolve(flags, checkpoint.settings)
    device = choose_device(settings, flags, log.say, group)
    precision = choose_precision(settings.precision, device, log.say)
    note = without_effect(flags)
    if note:
        log.say(note)
    say, noted = data.noting(log.say)
    sources = data.locate(settings, say, None if "data" in flags else checkpoint.path)
    name = settings.split or ("test" if "test" in sources else "valid")
    split = _tested_split(name, sources, checkpoint, settings.data)
    classes, explanation = output_classes(checkpoint, split, flags.get("data_type"))
    model = tested_network(checkpoint, settings, device, explanation, log.say)
    [split], checks = group.share(data.checked([split], settings.skip_bad_images, log.say) if group.is_main else None)
    fingerprints = {name: checks[name].fingerprint}
    seed_everything(settings.seed)
    arithmetic = choose_arithmetic(settings, device, precision, model, log.say)
    split = split.reordered(classes)
    # one pass over the images is no use for a cache, unless one is asked for
    cached = data.caching(settings, fingerprints, log.say) if "cache" in flags else None
    loader = data.evaluation_loader(split, settings, device, cached, group)
    tested = checkpoint_facts(checkpoint)
    copies = tested_before(checkpoint, name, checks[name].stamps)
    shared = {"copies": as_facts(copies) if checkpoint.pictures else None}
    verdict = data.audited(settings, log.say)
    doubts = [*only_if(explanation.startswith(layout.WARNING), explanation), *noted, data.absence(split)]
    doubts += [evaluation_warning(copies), f"{layout.WARNING}{verdict}" if verdict else ""]
    warnings = list(filter(None, [*doubts, *only_if(settings.margin_at_eval, WITH_LABELS)]))
    facts = dict(classes=classes, fingerprints=fingerprints, device=str(device), tests=tested, audit=verdict, **shared)
    facts |= {"arithmetic": arithmetic, "warnings": layout.unmarked(warnings)}
    folder = _open_records(settings, checkpoint, facts, log, device) if group.is_main else None
    bar, title = watched(settings.stall_seconds, log.say), model_title(settings)
    page = RunPage(folder, title, device, log.say) if folder else None
    timed, options = page.clock.timed(bar) if page else bar, dict(with_labels=bool(settings.margin_at_eval), group=group)
    with memory.explained(device, settings.batch_size, settings.workers):
        predictions = predict(model, loader, device, precision, timed, say=log.say, **options)
    if group.is_main:
        about = dict(model=title, seed=settings.seed, **tested, **shared)
        report(folder, title, predictions, split, classes, log.say, about, page, warnings)
        for text in warnings:
            log.say(text)
        if settings.explain:
            _explain(folder, log, model, loader.dataset, predictions, classes, settings, device, precision)
    leave_group(group)


def _explain(folder: Path, log: layout.Log, *about) -> None:
    """Draw where the network looks. about: what engine.explain.report.Explained holds, in its order."""
    from engine.explain.report import Explained, explain  # only here: without the flag nothing of it is needed

    explained = Explained(*about)
    settings = explained.settings
    with memory.explained(explained.device, settings.batch_size, settings.workers):
        explain(folder, explained, log.say)


def _open_records(settings: Settings, checkpoint: Checkpoint, facts: dict, log: layout.Log, device: torch.device) -> Path:
    """A folder of its own for the evaluation, with its log and args.json."""
    folder = layout.results_folder("evaluate", settings.run, settings.out)
    log.open(folder / "log.txt")
    layout.write_arguments(folder, vars(settings), **facts, trained_on=checkpoint.fingerprints, **provenance(device))
    return folder


def _tested_split(name: str, sources: dict[str, Callable[[], Split]], checkpoint: Checkpoint, root: str | None) -> Split:
    """The split to test; for a file that names no classes with those of train where it lacks some, which keeps their order.

    root: what --data names, for messages. Raises UsageError where there is no such split.
    """
    if name not in sources:
        raise UsageError(f"--split {name}: {root} has only {', '.join(sources)}")
    split = sources[name]()
    if checkpoint.is_foreign and len(split.classes) < checkpoint.num_outputs and name != "train" and "train" in sources:
        classes = sources["train"]().classes
        if set(split.classes) < set(classes):
            return split.reordered(classes)
    return split
