"""A checkpoint ready to predict images without labels, and the folder that the results go to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from data_preprocessing.loading.occlusion import HeadsetOcclusion
from data_preprocessing.loading.transforms import create_transform
from engine import memory
from engine.arithmetic import choose_arithmetic
from engine.checkpoints.class_names import output_names
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.commands.results import checkpoint_facts
from engine.config.flags import Settings
from engine.config.settings import resolve
from engine.config.wishes import without_effect
from engine.evaluation.fast import fastest
from engine.network import choose_device, tested_network
from engine.precision import choose_precision
from engine.run_folder import layout
from engine.run_folder.provenance import provenance
from models import MODELS


@dataclass
class Session:
    """One call of --predict.

    classes: names by output. arithmetic: as choose_arithmetic gives it. folder: None until open_folder.
    """

    settings: Settings
    checkpoint: Checkpoint
    classes: tuple[str, ...]
    device: torch.device
    precision: torch.dtype
    log: layout.Log
    model: nn.Module
    arithmetic: dict
    folder: Path | None = None
    _run: Callable | None = field(default=None, repr=False)

    def probabilities(self, images: Tensor) -> tuple[np.ndarray, str]:
        """(B, C, H, W) -> (B, classes) float32, and with the first batch why the network is in its plain form, "" where not."""
        images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        reason = ""
        if self._run is None:
            self._run, reason = fastest(self.model, images, None, self.precision)
        return self._run(images, None).cpu().softmax(dim=1).numpy(), reason

    def transform(self) -> Callable:
        """PIL RGB image -> tensor (C, H, W), as --evaluate prepares it."""
        settings = self.settings
        return create_transform(settings.eval_transform, MODELS[settings.model].image, settings.channel_order)

    def cover(self) -> HeadsetOcclusion | None:
        """What covers a face before that, under --occlude-eval vr."""
        return HeadsetOcclusion(fixed=True) if self.settings.occlude_eval == "vr" else None

    def open_folder(self, images: int, **facts) -> Path:
        """Make the call's folder with its log and args.json. images: how many files are given; facts: more for args.json."""
        settings = self.settings
        self.folder = layout.results_folder("predict", settings.run, settings.out)
        self.log.open(self.folder / "log.txt")
        facts = dict(classes=self.classes, device=str(self.device), tests=checkpoint_facts(self.checkpoint)) | facts
        facts |= dict(pictures=images, trained_on=self.checkpoint.fingerprints)
        facts |= dict(arithmetic=self.arithmetic, **provenance(self.device))
        layout.write_arguments(self.folder, vars(settings), **facts)
        return self.folder

    def written(self) -> str:
        """The last line: what lies in the folder."""
        names = sorted(
            file.name + ("/" if file.is_dir() else "") for file in self.folder.iterdir() if not file.name.startswith(".")
        )
        return f"written: {self.folder}/ ({', '.join(names)})"


def open_session(flags: dict, log: layout.Log) -> Session:
    """Load the checkpoint flags["evaluate"], and say what a user should know of it.

    flags: the command line's, only those given. Raises UsageError; nothing is written.
    """
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags)
    classes, explanation = output_names(checkpoint, flags.get("data_type"))
    settings = prediction_settings(flags, checkpoint, log.say)
    device = choose_device(settings, flags, log.say)
    precision = choose_precision(settings.precision, device, log.say)
    note = without_effect(flags)
    if note:
        log.say(note)
    model = tested_network(checkpoint, settings, device, explanation, log.say)
    with memory.explained(device, settings.batch_size, settings.workers):
        arithmetic = choose_arithmetic(settings, device, precision, model, log.say)
    return Session(settings, checkpoint, classes, device, precision, log, model.eval(), arithmetic)


def prediction_settings(flags: dict, checkpoint: Checkpoint, say: Callable[[str], None]) -> Settings:
    """Those of --evaluate, but for covered faces: an image is taken as it is unless a flag says otherwise."""
    settings = resolve(flags, {"data_type": "RAF-DB"} | checkpoint.settings)  # what --evaluate takes for a folder of images
    settings.data = None
    if "occlude_eval" not in flags and settings.occlude_eval != "none":
        settings.occlude_eval = "none"
        say("the checkpoint's run was evaluated on covered faces; these are taken as they are (--occlude-eval vr covers them)")
    return settings
