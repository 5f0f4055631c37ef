"""Everything that a training run trains, checked and built, before anything is written."""

from dataclasses import dataclass

import torch
from torch import nn

from data_preprocessing.folders import Checked, Split
from engine import data, memory, record
from engine.checkpoint import Checkpoint
from engine.classes import output_classes
from engine.distributed import SINGLE, Group
from engine.errors import UsageError
from engine.fit import FitState
from engine.flags import Settings
from engine.manifest import read_manifest
from engine.optim import create_optimizer, parameter_groups
from engine.precision import choose_precision
from engine.scaling import LossScaler
from engine.seed import seed_everything
from engine.settings import gpu_numbers
from engine.setup import BGR, build_model, choose_device, load_backbones, model_options, start_from_scratch
from engine.start import Start, require_same_order, restore, say_changes


@dataclass
class Prepared:
    """splits: training, selection, report. warning: about them, "" for none. checks: of their pictures, by split name."""

    settings: Settings
    log: record.Log
    device: torch.device
    precision: torch.dtype
    splits: list[Split]
    warning: str
    checks: dict[str, Checked]
    classes: tuple[str, ...]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    state: FitState
    scaler: LossScaler
    group: Group = SINGLE

    @property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 over names and contents of each split's pictures."""
        return {name: check.fingerprint for name, check in self.checks.items()}


def prepare(settings: Settings, start: Start, flags: dict, log: record.Log, group: Group = SINGLE) -> Prepared:
    """Check the data and build network and optimiser; writes nothing.

    flags: the command line's, only those given. group: the processes that train together. Raises UsageError, DataError or
    WeightsError, and TrainingStopped where memory does not suffice.
    """
    device = choose_device(settings.device, gpu_numbers(settings.gpu), log.say, group)
    with memory.explained(device, settings.batch_size, settings.workers):
        return _prepare(device, settings, start, flags, log, group)


def _prepare(device: torch.device, settings: Settings, start: Start, flags: dict, log: record.Log, group: Group) -> Prepared:
    precision = choose_precision(settings.precision, device, log.say)
    splits, warning = data.training_splits(settings.data, data.locate(settings.data, log.say))
    checkpoint = start.checkpoint
    classes = _classes(checkpoint, splits[0], flags.get("data_type"), log)
    splits = [split.reordered(classes) for split in splits]
    seed_everything(settings.seed)
    model = build_model(settings.model, len(classes), model_options(settings), device)
    scaler = LossScaler(precision)
    optimizer = create_optimizer(
        parameter_groups(model, settings.feature_lr_scale),
        settings.optimizer,
        settings.lr,
        settings.momentum,
        settings.weight_decay,
        settings.rho,
    )
    if checkpoint:
        state = restore(checkpoint, model, optimizer, settings.optimizer, log)
        if checkpoint.scaler:
            scaler.load_state_dict(checkpoint.scaler)
        say_changes(checkpoint, flags, log.say)
    else:
        state = FitState()
        start_from_scratch(model, settings.init)
        load_backbones(model, settings.pretrained, log.say)
    known = read_manifest(record.LOG_ROOT / start.run / record.MANIFEST) if start.run else {}
    splits, checks = group.share(data.checked(splits, settings.skip_bad_images, log.say, known) if group.is_main else None)
    training = model, optimizer, state, scaler, group
    prepared = Prepared(settings, log, device, precision, splits, warning, checks, classes, *training)
    if checkpoint and settings.start_epoch is None:
        require_same_order(checkpoint, settings, prepared.fingerprints, log.say)
    for text in (warning, BGR * (settings.channel_order == "bgr")):
        if text:
            log.say(text)
    return prepared


def _classes(checkpoint: Checkpoint | None, split: Split, data_type: str | None, log: record.Log) -> tuple[str, ...]:
    if not checkpoint:
        return split.classes
    classes, explanation = output_classes(checkpoint, split, data_type)
    if len(classes) != len(split.classes):
        raise UsageError(f"--resume {checkpoint.path}: has outputs without a class in the data; only --evaluate can")
    log.say(explanation)
    return classes
