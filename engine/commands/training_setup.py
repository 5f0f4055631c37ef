"""Everything that a training run trains, checked and built, before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data_preprocessing.common.words import only_if
from data_preprocessing.faces import prepared_alignment
from data_preprocessing.sources.folders import Checked, Split
from engine import data, memory
from engine.arithmetic import choose_arithmetic
from engine.checkpoints import finetune
from engine.checkpoints.class_names import output_classes
from engine.checkpoints.format import Checkpoint
from engine.config.data_types import about_data_type
from engine.config.flags import Settings
from engine.config.wishes import without_effect
from engine.distributed import SINGLE, Group
from engine.errors import UsageError
from engine.evaluation.leaks import Copies, find_copies, training_warning
from engine.network import BGR, build_model, choose_device, freeze_features, load_backbones, model_options, start_from_scratch
from engine.precision import choose_precision
from engine.run_folder import layout
from engine.run_folder.resume import require_same_order, restore, say_changes
from engine.run_folder.run_folder import RunFolder
from engine.seed import seed_everything
from engine.training.class_weights import create_objective
from engine.training.loop import FitState
from engine.training.loss_scaling import LossScaler
from engine.training.optimizers import create_optimizer, parameter_groups


@dataclass
class Prepared:
    """splits: training, selection, report. checks: of their images, by split name. copies: that the splits share.

    warnings: about what the figures rest on, one line each.
    """

    settings: Settings
    log: layout.Log
    device: torch.device
    precision: torch.dtype
    splits: list[Split]
    warnings: list[str]
    checks: dict[str, Checked]
    copies: list[Copies]
    classes: tuple[str, ...]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Callable[[Tensor, Tensor], Tensor]
    state: FitState
    scaler: LossScaler
    arithmetic: dict  # see engine.arithmetic
    group: Group = SINGLE

    @property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 over names and contents of each split's images."""
        return {name: check.fingerprint for name, check in self.checks.items()}


def prepare(
    settings: Settings,
    run: RunFolder,
    flags: dict,
    log: layout.Log,
    group: Group = SINGLE,
    source: Checkpoint | None = None,
) -> Prepared:
    """Check the data and build network and optimiser; writes nothing.

    flags: the command line's, only those given. group: the processes that train together. source: the file of --finetune.
    Raises UsageError, DataError or WeightsError, and TrainingStopped where memory does not suffice.
    """
    device = choose_device(settings, flags, log.say, group)
    with memory.explained(device, settings.batch_size, settings.workers):
        return _prepare(device, settings, run, flags, log, group, source)


def _prepare(
    device: torch.device,
    settings: Settings,
    run: RunFolder,
    flags: dict,
    log: layout.Log,
    group: Group,
    source: Checkpoint | None,
) -> Prepared:
    precision = choose_precision(settings.precision, device, log.say)
    checkpoint = run.checkpoint
    stored = checkpoint.path if checkpoint and "data" not in flags else None
    say, noted = data.noting(log.say)  # how the data were read and cut may take away from the figures
    splits, said = data.training_splits(settings.data, data.locate(settings, say, stored))
    settings.alignment = prepared_alignment(settings.data) if settings.data else None
    classes, explanation = _classes(checkpoint, splits[0], flags.get("data_type"))
    if explanation:
        log.say(explanation)
    splits = [split.reordered(classes) for split in splits]
    seed_everything(settings.seed)
    model = build_model(settings.model, len(classes), model_options(settings), device)
    if settings.freeze == "features":
        log.say(freeze_features(model))
    scaler, optimizer = LossScaler(precision), _optimizer(model, settings, device)
    if checkpoint:
        state = restore(checkpoint, model, optimizer, scaler, settings.optimizer, log)
        say_changes(checkpoint, flags, log.say)
    else:
        state = _start(model, settings, splits[0], source, flags, log)
    arithmetic = choose_arithmetic(settings, device, precision, model, log.say)
    checked = data.checked(splits, settings.skip_bad_images, log.say, run.known_images) if group.is_main else None
    splits, checks = group.share(checked)
    _require_images_for_all(settings.batch_size, splits[0], group.size)
    objective, weighted = create_objective(settings, splits[0])
    if weighted:
        log.say(weighted)
    said.append("" if checkpoint else about_data_type(settings, "data_type" in flags, len(classes)))
    copies = find_copies(checks)
    said += [training_warning(copies, splits[2].name), *map(data.absence, {split.name: split for split in splits[1:]}.values())]
    training = model, optimizer, objective, state, scaler, arithmetic, group
    warnings = [text for text in (explanation, *noted, *said) if text.startswith(layout.WARNING)]
    prepared = Prepared(settings, log, device, precision, splits, warnings, checks, copies, classes, *training)
    if checkpoint and settings.start_epoch is None:
        require_same_order(checkpoint, settings, prepared.fingerprints, log.say)
    for text in filter(None, (*said, without_effect(flags, group.size), *only_if(settings.channel_order == "bgr", BGR))):
        log.say(text)
    return prepared


def _optimizer(model: nn.Module, settings: Settings, device: torch.device) -> torch.optim.Optimizer:
    return create_optimizer(
        parameter_groups(model, settings.feature_lr_scale),
        settings.optimizer,
        settings.lr,
        settings.momentum,
        settings.weight_decay,
        settings.rho,
        fused=device.type == "cuda",
    )


def _start(
    model: nn.Module, settings: Settings, train: Split, source: Checkpoint | None, flags: dict, log: layout.Log
) -> FitState:
    """Give a new run its first weights: of --finetune's file, or at random with the pretrained backbones where they are."""
    start_from_scratch(model, settings.init)
    if source:
        log.say(finetune.load(model, source, settings, train))
    else:
        load_backbones(model, settings.pretrained, log.say, named="pretrained" in flags)
    return FitState()


def _require_images_for_all(batch_size: int, split: Split, processes: int) -> None:
    """Raises UsageError where one of the processes would get no image of a batch of the training split."""
    if batch_size < processes:
        raise UsageError(
            f"--batch-size {batch_size}: {processes} processes share each batch, and each needs an image of it; give "
            f"{processes} or more, or fewer processes"
        )
    if len(split.paths) < processes:
        raise UsageError(f"{split.folder}: {len(split.paths)} images for {processes} processes; give fewer processes")


def _classes(checkpoint: Checkpoint | None, split: Split, data_type: str | None) -> tuple[tuple[str, ...], str]:
    """The classes in output order, and where a checkpoint gives the order, a sentence about it. split: training."""
    if not checkpoint:
        return split.classes, ""
    if not checkpoint.is_foreign and set(checkpoint.classes) != set(split.classes):
        raise UsageError(
            f"--resume {checkpoint.path}: was trained on the classes {', '.join(checkpoint.classes)}; {split.folder} has "
            f"{', '.join(split.classes)}: a run goes on with the same class names; rename the class folders, or give the "
            "former data by --data"
        )
    classes, explanation = output_classes(checkpoint, split, data_type)
    if len(classes) != len(split.classes):
        raise UsageError(f"--resume {checkpoint.path}: has outputs without a class in the data; only --evaluate can")
    return classes, explanation
