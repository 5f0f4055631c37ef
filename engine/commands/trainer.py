"""One training run in its folders: trains, saves, survives what it meets, reports."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch.utils.data import DataLoader

from engine import data, memory
from engine.checkpoints.format import load_checkpoint
from engine.checkpoints.schedule import SavingSchedule
from engine.checkpoints.writing import save_checkpoint, share_checkpoint
from engine.commands.results import checkpoint_facts, draw, draw_first_batch, report
from engine.commands.training_setup import Prepared
from engine.config.flag import COMMAND
from engine.config.flags import Settings, of_lifetime
from engine.config.settings import save_interval
from engine.distributed import is_broken_group
from engine.errors import GroupBroken, LoaderDied, TrainingStopped
from engine.evaluation.leaks import as_facts
from engine.evaluation.predictions import Predictions, predict
from engine.figures.plots import plot_curves
from engine.figures.tensorboard import NoWatch, Watch, watching
from engine.network import feature_layers, load_weights, model_options, model_title
from engine.precision import PRECISIONS
from engine.report.run_page import RunPage
from engine.run_folder import layout
from engine.run_folder.manifest import image_hashes
from engine.run_folder.run_folder import RunFolder
from engine.run_folder.signals import Interrupted, Requests
from engine.seed import get_rng_state
from engine.training.compiled import Compiled
from engine.training.epoch import Training
from engine.training.loop import FitState, fit
from engine.training.not_finite import FiniteGuard
from engine.training.stalls import batches, watched
from models import MODELS
from models.files.checkpoint_content import CheckpointContent


@dataclass
class TrainingRun:
    """What is trained, where it is kept, and what signals ask of it."""

    prepared: Prepared
    run: RunFolder
    requests: Requests
    schedule: SavingSchedule = field(init=False)
    guard: FiniteGuard = field(init=False)
    saved_at: tuple[int, int] | None = None  # epochs, and steps of the next, in `last`
    watch: Watch | NoWatch = field(default_factory=NoWatch)

    def __post_init__(self):
        self.settings: Settings = self.prepared.settings
        self.state: FitState = self.prepared.state
        self.say = self.prepared.log.say
        self.group = self.prepared.group
        self.folder, self.last, self.best = self.run.path, self.run.last, self.run.best
        title, selection = model_title(self.settings), self.prepared.splits[1].name
        self.page = RunPage(self.folder, title, self.prepared.device, self.say, self.state, self.settings.epochs, selection)

    def fit(self) -> None:
        """Train to the last epoch.

        Raises TrainingStopped naming the last good checkpoint, or Interrupted, after saving, where a signal asked for it.
        """
        if self.state.epoch >= self.settings.epochs:
            return
        settings, prepared = self.settings, self.prepared
        with self._explained():
            loader = data.training_loader(prepared.splits[0], settings, prepared.device, self._cached(), self.group)
            selection = data.evaluation_loader(prepared.splits[1], settings, prepared.device, self._cached(), self.group)
            if self.group.is_main and not (self.folder / layout.FIRST_BATCH).exists():
                draw_first_batch(self.folder, settings, data.first_batch(loader, self.state.epoch), prepared.classes)
            names, sampler = prepared.splits[0].where, loader.batch_sampler
            self.guard = FiniteGuard(
                self.folder if self.group.is_main else None,
                settings.on_nan == "skip",
                lambda number: [names(k) for k in sampler.batch(number)],
            )
            self.schedule = SavingSchedule(save_interval(settings.save_every))
            watched_by = self.folder, self.state, len(loader), settings.lr, settings.lr_decay, settings.print_freq
            with (
                watching(settings.tensorboard and self.group.is_main, *watched_by) as self.watch,
                self.requests.deferred(),  # from here on a signal waits until a step is whole
            ):
                self._fit(loader, selection)
            self.say(self.schedule.summary())

    def _fit(self, loader: DataLoader, selection: DataLoader) -> None:
        settings, prepared = self.settings, self.prepared
        runner = Compiled(prepared.model) if settings.compile else prepared.model
        training = Training(
            prepared.model,
            prepared.optimizer,
            prepared.objective,
            prepared.device,
            prepared.precision,
            runner=self.group.wrap(runner, settings.sync_bn),
            accumulate=settings.accumulate,
            scaler=prepared.scaler,
            guard=self.guard,
            group=self.group,
            print_freq=settings.print_freq,
            say=self.say,
            batches=lambda loader: batches(loader, settings.stall_seconds, self.say),
            after_step=self._after_step,
            still=feature_layers(prepared.model) if settings.freeze == "features" else (),
        )
        schedule = dict(lr=settings.lr, lr_decay=settings.lr_decay, epochs=settings.epochs, patience=settings.patience)
        progress = self.page.clock.timed(self._answering)
        try:
            fit(training, loader, selection, self.state, **schedule, progress=progress, on_epoch=self._keep)
        except LoaderDied:
            if self.group.size == 1:  # it died between two steps; of several processes the others are within one
                self._save()
                self._answer_signals()  # one that went to all processes is the reason then
            raise

    def _answering(self, items: Iterable, total: int, text: str) -> Iterator:
        """Evaluation's batches, with a look at the signals after each."""
        for batch in watched(self.settings.stall_seconds, self.say)(items, total, text):
            yield batch
            if self.group.size == 1:  # several processes have unlike numbers of batches, and answer together afterwards
                self._answer_signals()

    def _after_step(self) -> None:
        self.schedule.step()
        self.watch.step(self.state)
        self._answer_signals(save=self.schedule.is_due)

    def _answer_signals(self, save: bool = False) -> None:
        """Save and stop where that is due or asked for, of whichever process."""
        stop, save = self.requests.agreed(save, self.group.max)
        if save or stop:
            self._save()
        if stop:
            step = self.state.progress.step if self.state.progress else 0
            where = f"in epoch {self.state.epoch + 1} after step {step}" if step else f"after epoch {self.state.epoch}"
            raise Interrupted(stop, f"stopped {where}, saved in {self.last}; go on with --resume {self.last}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Full disks and a lack of memory become one line that says what is kept."""
        try:
            yield
        except (TrainingStopped, OSError, RuntimeError, MemoryError) as error:
            if isinstance(error, TrainingStopped):
                text = str(error)
            elif memory.is_out_of_memory(error):
                text = self._room(error)
            elif is_broken_group(error):
                raise GroupBroken(f"another process of the run has ended; {self.run.kept}") from None
            elif type(error).__module__.startswith("torch._dynamo"):
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                text = f"--compile: torch.compile fails on this network ({reason.strip()[:120]}); leave --compile out"
            elif isinstance(error, OSError):
                text = f"{error.filename or self.folder}: {error.strerror or error}"
            else:
                raise
            raise TrainingStopped(f"{text}; {self.run.kept}") from None

    def _room(self, error: Exception) -> str:
        """What to lower, and by how much."""
        settings, prepared, shape = self.settings, self.prepared, MODELS[self.settings.model].image.shape
        fits = memory.measured_fit(prepared.model, shape, prepared.device, prepared.precision, error)
        name = {dtype: name for name, dtype in PRECISIONS.items()}[prepared.precision]
        return memory.remedy(prepared.device, settings.batch_size, settings.workers, settings.accumulate, name, fits)

    def _cached(self) -> data.Cached:
        return data.caching(self.settings, self.prepared.fingerprints, self.say)

    def _keep(self, state: FitState, is_best: bool, predictions: Predictions) -> None:
        """Save and redraw after an epoch."""
        if self.group.is_main:
            self._write_epoch(state, is_best, predictions)
        self._answer_signals()

    def _write_epoch(self, state: FitState, is_best: bool, predictions: Predictions) -> None:
        layout.write_history(self.folder, state.history)
        self.page.note_epoch()
        plot_curves(state.history, self.folder / "curves.png", self.prepared.splits[1].name)
        is_last = state.epoch == self.settings.epochs or state.is_exhausted(self.settings.patience)
        if is_best or is_last or self.schedule.is_due or self.schedule.is_cheap:
            self._save()
        if is_best:
            share_checkpoint(self.last, self.best)
            what = f"{model_title(self.settings)} on {self.prepared.splits[1].name}"
            draw(self.folder, what, predictions.metrics(), self.prepared.classes)
        self.page.write_epoch(predictions, self.prepared.splits[1], self.prepared.classes)
        self.watch.epoch(state, is_best)

    def _save(self) -> None:
        """Write `last`, unless it holds this very state. Raises TrainingStopped where weights may be not finite."""
        state, prepared = self.state, self.prepared
        step = state.progress.step if state.progress else 0
        if self.saved_at == (state.epoch, step):
            return
        self.guard.check(self.say)
        if not self.group.is_main:
            self.schedule.restart()
            return
        content = CheckpointContent(
            run=self.run.name,
            model=self.settings.model,
            model_options=model_options(self.settings),
            classes=prepared.classes,
            state_dict=prepared.model.state_dict(),
            optimizer=prepared.optimizer.state_dict(),
            scaler=prepared.scaler.state_dict(),
            rng=get_rng_state(prepared.device),
            args={name: value for name, value in vars(self.settings).items() if name not in of_lifetime(COMMAND)},
            fingerprints=prepared.fingerprints,
            pictures={name: image_hashes(check.stamps) for name, check in prepared.checks.items()},
            epoch=state.epoch,
            history=state.history,
            best=state.best,
            progress=state.progress.state(self.settings.batch_size) if step else None,
        )
        self.watch.flush()
        with self.schedule.saving():
            save_checkpoint(self.last, content.to_file())
        self.saved_at = (state.epoch, step)

    def report(self) -> None:
        """Load the chosen epoch's weights and report on the split that was kept for it."""
        prepared = self.prepared
        bar = self.page.clock.timed(watched(self.settings.stall_seconds, self.say))
        with self._explained():
            if self.group.is_main:
                best = load_checkpoint(self.best, "--best_checkpoint_path")
                load_weights(prepared.model, best, "--best_checkpoint_path", lambda text: None)
            self.group.share_weights(prepared.model)
            _, selection, reported = prepared.splits
            loader = data.evaluation_loader(reported, self.settings, prepared.device, self._cached(), self.group)
            predictions = predict(
                prepared.model, loader, prepared.device, prepared.precision, bar, group=self.group, say=self.say
            )
            if not self.group.is_main:
                return
            self.say(f"chosen: epoch {best.epoch}, the best on {selection.name}; reported on {reported.name}:")
            title = model_title(self.settings)
            facts = dict(run=self.run.name, model=title, seed=self.settings.seed, **checkpoint_facts(best))
            facts["copies"] = as_facts(prepared.copies)
            report(self.folder, title, predictions, reported, prepared.classes, self.say, facts, self.page, prepared.warnings)
            for text in prepared.warnings:
                self.say(text)
            self.say(f"checkpoints: {self.last} and {self.best}")
