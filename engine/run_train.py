"""Training: a new run, or one that is resumed, up to its report."""

from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from data_preprocessing.folders import Split
from engine import data, record
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.classes import output_classes
from engine.errors import TrainingStopped, UsageError
from engine.evaluate import Predictions, predict
from engine.fit import FitState, fit
from engine.losses import LOSSES
from engine.optim import create_optimizer, parameter_groups, restore_optimizer
from engine.outputs import draw, draw_first_batch, report
from engine.plots import plot_curves
from engine.precision import choose_precision
from engine.saving import save_checkpoint, share_checkpoint
from engine.seed import get_rng_state, seed_everything, set_rng_state
from engine.settings import resolve
from engine.setup import (
    BGR,
    build_model,
    choose_device,
    load_backbones,
    load_weights,
    model_options,
    model_title,
    start_from_scratch,
)

# they belong to one command, not to the run
_NOT_STORED = ("resume", "evaluate", "split", "start_epoch", "run", "margin_at_eval")


def train(flags: dict) -> None:
    """Train a new run or continue one (`flags["resume"]`), then report on the test split.

    flags: the command line's, only those given. Raises UsageError, DataError or WeightsError before anything is
    written, TrainingStopped where training cannot go on.
    """
    log = record.Log()
    checkpoint = load_checkpoint(flags["resume"], "--resume", flags) if "resume" in flags else None
    settings = resolve(flags, checkpoint.settings if checkpoint else {})
    done = checkpoint.epoch if checkpoint else 0
    done = done if settings.start_epoch is None else settings.start_epoch
    if done >= settings.epochs:
        raise UsageError(f"--epochs {settings.epochs}: {done} epochs are done already; give more to go on")
    run = TrainingRun.prepare(settings, checkpoint, flags.get("data_type"), log)
    run.state.rewind(done)
    run.open(checkpoint)
    run.fit()
    run.report()


@dataclass
class TrainingRun:
    """Everything that a run trains, and where it writes. splits: training, selection, report."""

    settings: SimpleNamespace
    log: record.Log
    device: torch.device
    precision: torch.dtype
    splits: list[Split]
    warning: str
    fingerprints: dict[str, str]
    classes: tuple[str, ...]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    state: FitState
    name: str = ""
    folder: Path = Path()
    last: Path = Path()
    best: Path = Path()

    @classmethod
    def prepare(
        cls, settings: SimpleNamespace, checkpoint: Checkpoint | None, data_type: str | None, log: record.Log
    ) -> "TrainingRun":
        """Check the data and build network and optimiser. data_type: as typed, None where it was not. Writes nothing."""
        device = choose_device(settings.device, settings.gpu, log.say)
        precision = choose_precision(settings.precision, device, log.say)
        splits, warning = data.training_splits(settings.data, data.locate(settings.data, log.say))
        classes = splits[0].classes
        if checkpoint:
            classes, explanation = output_classes(checkpoint, splits[0], data_type)
            if len(classes) != len(splits[0].classes):
                raise UsageError(f"--resume {checkpoint.path}: has outputs without a class in the data; only --evaluate can")
            log.say(explanation)
        splits = [split.reordered(classes) for split in splits]
        seed_everything(settings.seed)
        model = build_model(settings.model, len(classes), model_options(settings), device)
        optimizer = create_optimizer(
            parameter_groups(model, settings.feature_lr_scale),
            settings.optimizer,
            settings.lr,
            settings.momentum,
            settings.weight_decay,
            settings.rho,
        )
        if checkpoint:
            state = _restore(checkpoint, model, optimizer, settings.optimizer, log)
        else:
            state = FitState()
            start_from_scratch(model, settings.init)
            load_backbones(model, settings.pretrained, log.say)
        splits, fingerprints = data.checked(splits, settings.skip_bad_images, log.say)
        for text in (warning, BGR * (settings.channel_order == "bgr")):
            if text:
                log.say(text)
        return cls(settings, log, device, precision, splits, warning, fingerprints, classes, model, optimizer, state)

    def open(self, checkpoint: Checkpoint | None) -> None:
        """Make the folders of a new run, or go on in those of the run that the resumed file is the last one of.

        Raises UsageError where a file or folder that was named exists.
        """
        settings = self.settings
        if checkpoint and checkpoint.run and not settings.run and (record.LOG_ROOT / checkpoint.run).is_dir():
            self._place(checkpoint.run)
            if self.last.exists() and self.last.samefile(checkpoint.path):
                self._start_log()
                self._settle_best(checkpoint)
                return
        for flag, path in (
            ("--checkpoint_path", settings.checkpoint_path),
            ("--best_checkpoint_path", settings.best_checkpoint_path),
        ):
            if path and Path(path).exists():
                raise UsageError(f"{flag} {path}: exists; choose another file, or --resume it")
        self._place(record.create_run(f"{settings.model}_seed{settings.seed}", settings.run))
        for path in (self.last, self.best):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._start_log()
        if checkpoint:
            self._settle_best(checkpoint)

    def _settle_best(self, checkpoint: Checkpoint) -> None:
        """Have the best epoch's file beside a resumed run, or choose the best from here on."""
        best = self.state.best
        if best and best["epoch"] == checkpoint.epoch:
            share_checkpoint(checkpoint.path, self.best)
        elif best and not self.best.exists():
            self.state.best = None
            self.log.say(f"the weights of the best epoch so far, {best['epoch']}, are not at hand: it is chosen from here on")

    def _place(self, name: str) -> None:
        self.name, self.folder = name, record.LOG_ROOT / name
        self.last = Path(self.settings.checkpoint_path or record.CHECKPOINT_ROOT / name / "last.pth")
        self.best = Path(self.settings.best_checkpoint_path or record.CHECKPOINT_ROOT / name / "best.pth")

    def _start_log(self) -> None:
        self.log.open(self.folder / "log.txt")
        audit = data.audited(self.settings.data, self.log.say)
        facts = dict(run=self.name, classes=self.classes, fingerprints=self.fingerprints, device=str(self.device))
        record.write_arguments(self.folder, vars(self.settings), **facts, audit=audit)

    def fit(self) -> None:
        """Train to the last epoch. Raises TrainingStopped, naming the last good checkpoint."""
        settings = self.settings
        loader = data.training_loader(self.splits[0], settings, self.device, self._cached())
        draw_first_batch(self.folder, settings, data.first_batch(loader, self.state.epoch), self.classes)
        try:
            fit(
                self.model,
                loader,
                data.evaluation_loader(self.splits[1], settings, self.device, self._cached()),
                self.optimizer,
                self.device,
                self.precision,
                self.state,
                objective=LOSSES[settings.loss],
                lr=settings.lr,
                lr_decay=settings.lr_decay,
                epochs=settings.epochs,
                print_freq=settings.print_freq,
                say=self.log.say,
                progress=data.progress,
                on_epoch=self._keep,
            )
        except TrainingStopped as error:
            kept = f"the last good checkpoint is {self.last}" if self.last.exists() else "no checkpoint was written yet"
            raise TrainingStopped(f"{error}; {kept}") from None

    def _cached(self) -> data.Cached:
        return data.caching(self.settings, self.fingerprints, self.log.say)

    def _keep(self, state: FitState, is_best: bool, predictions: Predictions) -> None:
        """Save and redraw after an epoch."""
        content = dict(
            run=self.name,
            model=self.settings.model,
            model_options=model_options(self.settings),
            classes=list(self.classes),
            state_dict=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            rng=get_rng_state(),
            args={name: value for name, value in vars(self.settings).items() if name not in _NOT_STORED},
            fingerprints=self.fingerprints,
            **asdict(state),
        )
        save_checkpoint(self.last, content)
        record.write_history(self.folder, state.history)
        plot_curves(state.history, self.folder / "curves.png", self.splits[1].name)
        if is_best:
            share_checkpoint(self.last, self.best)
            draw(self.folder, model_title(self.settings), predictions, self.splits[1].name, self.classes)

    def report(self) -> None:
        """Load the chosen epoch's weights and report on the split that was kept for it."""
        best = load_checkpoint(self.best, "--best_checkpoint_path")
        load_weights(self.model, best, "--best_checkpoint_path", lambda text: None)
        _, selection, reported = self.splits
        loader = data.evaluation_loader(reported, self.settings, self.device, self._cached())
        predictions = predict(self.model, loader, self.device, self.precision, data.progress)
        self.log.say(f"chosen: epoch {best.epoch}, the best on {selection.name}; reported on {reported.name}:")
        report(self.folder, model_title(self.settings), predictions, reported, self.classes, self.log.say)
        if self.warning:
            self.log.say(self.warning)
        self.log.say(f"checkpoints: {self.last} and {self.best}")


def _restore(
    checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer, optimizer_name: str, log: record.Log
) -> FitState:
    """Put a checkpoint's weights, moments and random state back; say what a published file lacks."""
    load_weights(model, checkpoint, "--resume", log.say)
    lacks = []
    if checkpoint.optimizer is None or checkpoint.args.get("optimizer") != optimizer_name:
        lacks.append(f"the moments of {optimizer_name} (they start at zero)")
    else:
        try:
            restore_optimizer(optimizer, checkpoint.optimizer)
        except (ValueError, KeyError) as error:
            raise UsageError(f"--resume {checkpoint.path}: its optimiser state does not fit ({error})") from None
    if checkpoint.rng is None:
        lacks.append("the random state")
    else:
        set_rng_state(checkpoint.rng)
    if checkpoint.is_foreign:
        lacks += ["class names", "arguments", "its best epoch's weights"] + ["the history"] * (not checkpoint.history)
    log.say(f"resuming {checkpoint.path} after epoch {checkpoint.epoch}{'; it lacks ' * bool(lacks)}{', '.join(lacks)}")
    return FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best)
