"""The finder of --faces, and how the faces are cropped for a checkpoint."""

from collections.abc import Callable

import numpy as np

from engine.checkpoints.format import Checkpoint
from engine.config.settings import Settings
from models import MODELS
from models.faces import ALIGNMENTS, FaceCropper, open_cropper


class Looker:
    """Finds the faces in an image and crops them, once `fit` has told for which checkpoint. cropper: of models.faces."""

    def __init__(self, cropper: FaceCropper):
        self._cropper = cropper

    def fit(self, checkpoint: Checkpoint, settings: Settings, say: Callable[[str], None]) -> None:
        """Crop as the checkpoint's training images were cropped, or as --align says; says what is guessed or does not fit."""
        stored = checkpoint.args.get("alignment")
        self._cropper.align, note = choose_alignment(stored, settings.align)
        self._cropper.side = MODELS[settings.model].picture.size
        if note:
            say(note)

    def look(self, pixels: np.ndarray) -> list:
        """(H, W, 3) uint8 RGB -> the faces, each with its crop (S, S, 3); any thread may call it."""
        return self._cropper(pixels)

    def facts(self) -> dict:
        """What args.json keeps: finder and alignment."""
        return {"finder": self._cropper.finder, "align": self._cropper.align, "crop": self._cropper.side}


def open_looker(flags: dict) -> Looker:
    """The finder that the command line names. Raises DataError that says what to install where its packages are missing."""
    return Looker(open_cropper())


def choose_alignment(stored: object, wanted: str | None) -> tuple[str, str]:
    """How to crop faces, and what is to be said of it, "" where the checkpoint decides.

    stored: as a checkpoint keeps it, None where it does not know. wanted: --align, None where it is not given.
    """
    if stored in ALIGNMENTS:
        if wanted in (None, stored):
            return stored, ""
        return wanted, (
            f"warning: --align {wanted}, but the checkpoint was trained on faces that were cropped by --align {stored}: its "
            "predictions suffer; leave --align out"
        )
    chosen = wanted or ALIGNMENTS[0]
    if stored == "none":
        return chosen, (
            "warning: the checkpoint was trained on images as they are (prepare --align none): if these were no face crops, its "
            f"predictions of faces cropped by {chosen} suffer"
        )
    if wanted:
        return chosen, ""
    return chosen, (
        f"the checkpoint does not tell how its training faces were cropped: these are aligned by their {chosen} "
        "(--align box crops them by their boxes)"
    )
