"""A whole training run and a whole evaluation, composed from the other modules."""

import dataclasses
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from data_preprocessing.folders import Split
from engine import data, record
from engine.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from engine.classes import output_classes
from engine.errors import TrainingStopped, UsageError
from engine.evaluate import Predictions, predict, write_predictions
from engine.fit import FitState, fit
from engine.metrics import format_table
from engine.optim import create_optimizer
from engine.plots import plot_confusion, plot_curves, plot_f1, plot_title
from engine.protocols import PROTOCOLS
from engine.seed import get_rng_state, seed_everything, set_rng_state
from engine.settings import resolve
from engine.setup import build_model, choose_device, load_backbones, load_weights


@dataclass(frozen=True)
class RunPaths:
    """Where a training run writes."""

    name: str
    log: Path
    last: Path
    best: Path


def train(flags: dict) -> None:
    """Train a new run or continue one (`flags["resume"]`), then report on the test split.

    flags: the command line's, only those given. Raises UsageError, DataError or WeightsError before anything is
    written, TrainingStopped where training cannot go on.
    """
    log = record.Log()
    checkpoint = load_checkpoint(flags["resume"], "--resume") if "resume" in flags else None
    settings = resolve(flags, checkpoint.args if checkpoint else {})
    device = choose_device(settings.device, settings.gpu, log.say)
    splits, warning = data.training_splits(data.locate(settings.data, log.say))
    if warning:
        log.say(warning)
    splits, fingerprints = data.checked(splits, settings.skip_bad_images, log.say)
    seed_everything(settings.seed)
    classes = splits[0].classes
    if checkpoint:
        classes = _resumed_classes(checkpoint, splits[0], flags, log)
        splits = [split.reordered(classes) for split in splits]
    model = build_model(settings.model, len(classes), {"freeze_landmark_bn": settings.freeze_landmark_bn}, device)
    optimizer = create_optimizer(
        model.parameters(), settings.optimizer, settings.lr, settings.momentum, settings.weight_decay, settings.rho
    )
    state = FitState()
    if checkpoint:
        state = _restore(checkpoint, model, optimizer, log)
    else:
        load_backbones(model, settings.pretrained, log.say)
    if settings.start_epoch is not None:
        state.epoch = settings.start_epoch
    if state.epoch >= settings.epochs:
        raise UsageError(f"--epochs {settings.epochs}: {state.epoch} epochs are done already; give more to go on")
    run = _open_run(settings, checkpoint, log)
    stored = {k: v for k, v in vars(settings).items() if k not in ("resume", "evaluate", "split", "start_epoch", "run")}
    record.write_arguments(run.log, vars(settings), run=run.name, classes=classes, fingerprints=fingerprints, device=str(device))
    _fit(run, settings, stored, model, optimizer, state, splits, classes, fingerprints, device, log)
    _report_best(run, settings, model, splits, classes, state, device, warning, log)


def evaluate(flags: dict) -> None:
    """Test the checkpoint `flags["evaluate"]` on one split; figures, plots and predictions.csv go to a new log folder.

    Raises UsageError, DataError or WeightsError before anything is written.
    """
    log = record.Log()
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate")
    if flags.get("model", checkpoint.model) != checkpoint.model:
        raise UsageError(f"--model {flags['model']}: {checkpoint.path} holds {checkpoint.model}")
    settings = resolve(flags, checkpoint.args)
    device = choose_device(settings.device, settings.gpu, log.say)
    folders = data.locate(settings.data, log.say)
    name = settings.split or ("test" if "test" in folders else "valid")
    if name not in folders:
        raise UsageError(f"--split {name}: no such folder beside {', '.join(str(p) for p in folders.values())}")
    split = data.read_split(name, folders[name])
    classes, explanation = output_classes(checkpoint, split, flags.get("data_type"))
    model = build_model(checkpoint.model, checkpoint.num_outputs, checkpoint.model_options, device)
    load_weights(model, checkpoint, "--evaluate", log.say)
    log.say(explanation)
    [split], fingerprints = data.checked([split], settings.skip_bad_images, log.say)
    seed_everything(settings.seed)
    split = split.reordered(classes)
    folder = record.LOG_ROOT / record.create_run("evaluate", settings.run)
    log.open(folder / "log.txt")
    record.write_arguments(
        folder, vars(settings), classes=classes, fingerprints=fingerprints, trained_on=checkpoint.fingerprints, device=str(device)
    )
    loader = data.evaluation_loader(split, PROTOCOLS[settings.data_type], settings, device)
    predictions = predict(model, loader, device, data.progress)
    _report(folder, checkpoint.model, predictions, split, classes, log)


def _resumed_classes(checkpoint: Checkpoint, split: Split, flags: dict, log: record.Log) -> tuple[str, ...]:
    if flags.get("model", checkpoint.model) != checkpoint.model:
        raise UsageError(f"--model {flags['model']}: {checkpoint.path} holds {checkpoint.model}")
    classes, explanation = output_classes(checkpoint, split, flags.get("data_type"))
    if set(classes) != set(split.classes):
        raise UsageError(f"--resume {checkpoint.path}: has outputs that {split.folder} has no class for; only --evaluate can")
    log.say(explanation)
    return classes


def _restore(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer, log: record.Log) -> FitState:
    """Put a checkpoint's weights, moments and random state back; say what a published file lacks."""
    load_weights(model, checkpoint, "--resume", log.say)
    lacks = []
    if checkpoint.optimizer is None:
        lacks.append("the optimiser's moments (they start at zero)")
    else:
        try:
            optimizer.load_state_dict(checkpoint.optimizer)
        except (ValueError, KeyError) as error:
            raise UsageError(f"--resume {checkpoint.path}: its optimiser state does not fit ({error})") from None
    if checkpoint.rng is None:
        lacks.append("the random state")
    else:
        set_rng_state(checkpoint.rng)
    if checkpoint.is_foreign:
        lacks += ["class names", "arguments"] + ["the history"] * (not checkpoint.history)
    log.say(f"resuming {checkpoint.path} after epoch {checkpoint.epoch}{'; it lacks ' * bool(lacks)}{', '.join(lacks)}")
    return FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best)


def _open_run(settings, checkpoint: Checkpoint | None, log: record.Log) -> RunPaths:
    """The folders of a new run, or those of the run that the resumed file is the last checkpoint of."""
    given_last, given_best = settings.checkpoint_path, settings.best_checkpoint_path
    if checkpoint and checkpoint.run and not settings.run and (record.LOG_ROOT / checkpoint.run).is_dir():
        paths = _run_paths(checkpoint.run, given_last, given_best)
        if paths.last.exists() and paths.last.samefile(checkpoint.path):
            log.open(paths.log / "log.txt")
            return paths
    for flag, path in (("--checkpoint_path", given_last), ("--best_checkpoint_path", given_best)):
        if path and Path(path).exists():
            raise UsageError(f"{flag} {path}: exists; choose another file, or --resume it")
    name = record.create_run(f"{settings.model}_seed{settings.seed}", settings.run)
    paths = _run_paths(name, given_last, given_best)
    for path in (paths.last, paths.best):
        path.parent.mkdir(parents=True, exist_ok=True)
    log.open(paths.log / "log.txt")
    return paths


def _run_paths(name: str, last: str | None, best: str | None) -> RunPaths:
    folder = record.CHECKPOINT_ROOT / name
    return RunPaths(name, record.LOG_ROOT / name, Path(last or folder / "last.pth"), Path(best or folder / "best.pth"))


def _fit(run, settings, stored, model, optimizer, state, splits, classes, fingerprints, device, log) -> None:
    protocol = PROTOCOLS[settings.data_type]
    loaders = [
        data.training_loader(splits[0], protocol, settings, device),
        data.evaluation_loader(splits[1], protocol, settings, device),
    ]

    def keep(state: FitState, is_best: bool, predictions: Predictions) -> None:
        content = dict(
            run=run.name, model=settings.model, model_options={"freeze_landmark_bn": settings.freeze_landmark_bn},
            classes=list(classes), state_dict=model.state_dict(), optimizer=optimizer.state_dict(), rng=get_rng_state(),
            args=stored, fingerprints=fingerprints, **dataclasses.asdict(state),
        )
        save_checkpoint(run.last, content)
        record.write_history(run.log, state.history)
        plot_curves(state.history, run.log / "curves.png", splits[1].name)
        if is_best:
            _share(run.last, run.best)
            _draw(run.log, settings.model, predictions, splits[1].name, classes)

    try:
        fit(
            model, *loaders, optimizer, device, state, lr=settings.lr, epochs=settings.epochs,
            print_freq=settings.print_freq, say=log.say, progress=data.progress, on_epoch=keep,
        )
    except TrainingStopped as error:
        kept = f"the last good checkpoint is {run.last}" if run.last.exists() else "no checkpoint was written yet"
        raise TrainingStopped(f"{error}; {kept}") from None


def _share(last: Path, best: Path) -> None:
    """Let `best` name the file that `last` is now: a link, or a copy where the file system has none."""
    partial = best.with_name(best.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(last, partial)
    except OSError:
        shutil.copyfile(last, partial)
    partial.replace(best)


def _report_best(run, settings, model, splits, classes, state, device, warning, log) -> None:
    """Load the chosen epoch's weights and report on the split that was kept for it."""
    best = load_checkpoint(run.best, "--best_checkpoint_path")
    load_weights(model, best, "--best_checkpoint_path", lambda text: None)
    loader = data.evaluation_loader(splits[2], PROTOCOLS[settings.data_type], settings, device)
    log.say(f"chosen: epoch {best.epoch}, the best on {splits[1].name}; reported on {splits[2].name}:")
    _report(run.log, settings.model, predict(model, loader, device, data.progress), splits[2], classes, log)
    if warning:
        log.say(warning)
    log.say(f"checkpoints: {run.last} and {run.best}")


def _report(folder: Path, model_name: str, predictions: Predictions, split: Split, classes: tuple[str, ...], log: record.Log) -> None:
    write_predictions(folder / "predictions.csv", predictions, split.paths, classes)
    _draw(folder, model_name, predictions, split.name, classes)
    log.say(format_table(predictions.metrics(), classes))
    log.say(f"written: {folder}/ (confusion_matrix.png, f1.png, predictions.csv, args.json, log.txt)")


def _draw(folder: Path, model_name: str, predictions: Predictions, split_name: str, classes: tuple[str, ...]) -> None:
    metrics = predictions.metrics()
    title = plot_title(model_name, split_name, metrics)
    plot_confusion(metrics, classes, title, folder / "confusion_matrix.png")
    plot_f1(metrics, classes, title, folder / "f1.png")
