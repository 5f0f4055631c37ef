"""The finder of --faces, and how the faces are cropped for a checkpoint."""

from collections.abc import Callable

from engine.checkpoints.format import Checkpoint
from engine.config.flags import Settings
from models import MODELS
from models.faces import CROPS, FaceCropper


def open_cropper(flags: dict) -> FaceCropper:
    """What finds and crops faces, by --finder and --finder-model.

    Raises DataError that says what to install where packages are missing, or names a file that is no model.
    """
    more = {"finder": flags["finder"]} if "finder" in flags else {}
    return FaceCropper(**more, model_file=flags.get("finder_model"))


def fit_to(cropper: FaceCropper, checkpoint: Checkpoint, settings: Settings, say: Callable[[str], None]) -> None:
    """Have faces cropped as the checkpoint's training images were, or as --align says; what is guessed is told."""
    cropper.align, note = choose_alignment(checkpoint.args.get("alignment"), settings.align)
    cropper.size = MODELS[settings.model].image.size
    if note:
        say(note)


def choose_alignment(stored: object, wanted: str | None) -> tuple[str, str]:
    """How to crop faces, and what is to be said of it, "" where the checkpoint decides.

    stored: as a checkpoint keeps it: one of CROPS, or anything else where its training images were cropped elsewhere. wanted:
    --align, None where it is not given.
    """
    if stored not in CROPS:
        return wanted or CROPS[0], "" if wanted else (
            "the checkpoint does not tell how its training faces were cropped: these are aligned by five points, as most data "
            "sets are (--align box crops by the face's box)"
        )
    if wanted in (None, stored):
        return stored, ""
    return wanted, (
        f"warning: --align {wanted}, but the checkpoint was trained on faces that `prepare --align {stored}` cropped: its "
        "predictions suffer; leave --align out"
    )
