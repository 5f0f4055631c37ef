"""What was given where a checkpoint's file was expected, and what to give instead."""

from pathlib import Path

from data_preprocessing.common.commands import quoted
from data_preprocessing.sources.split_names import split_folders
from data_preprocessing.sources.wrong_folders import is_image
from engine.run_folder import layout

_ENDINGS = (".pth", ".pt", ".ckpt", ".safetensors", ".tar")


def explain_wrong(path: Path, flag: str) -> str:
    """What to give to `flag` (--evaluate or --resume) instead of the folder or image `path`; "" where it may be a checkpoint.

    Of a run's folder, under checkpoint/ or log/, it is the best file to evaluate and the last one to resume.
    """
    if path.is_dir():
        return f"is a folder; {_of_folder(path, flag)}"
    if path.is_file() and not path.name.lower().endswith(_ENDINGS) and is_image(path):
        return f"is an image; --evaluate FILE --predict {quoted(path)} predicts its class, FILE being a checkpoint"
    return ""


def _of_folder(folder: Path, flag: str) -> str:
    wanted = "best.pth" if flag == "--evaluate" else "last.pth"
    for place in (folder, layout.CHECKPOINT_ROOT / folder.resolve().name):
        if (place / wanted).is_file():
            return f"give {quoted(place / wanted)}"
    runs = sorted(path.parent.name for path in folder.glob(f"*/{wanted}"))
    if runs:
        return _one_of([folder / run / wanted for run in runs])
    files = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(_ENDINGS))
    if files:
        return _one_of([folder / name for name in files])
    if split_folders(folder)[0]:
        return f"a data set is named by --data {quoted(folder)}, and {flag} names a checkpoint's file"
    return f"name the file in it ({wanted} of a run)"


def _one_of(files: list[Path]) -> str:
    others = f" or another of the {len(files)} in it" if len(files) > 1 else ""
    return f"give {quoted(files[0])}{others}"
