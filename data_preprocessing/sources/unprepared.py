"""Folders of splits that training would read in a wrong or lesser way, and the commands that read them rightly."""

from collections.abc import Callable
from pathlib import Path

from data_preprocessing.common.commands import prepare_command
from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.fer2013 import USAGES


def refuse_label_files(root: Path) -> None:
    """Raises DataError where `root` or a folder in it holds YOLO's images/ and labels/: they would be taken for classes."""
    if not root.is_dir():
        return
    for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if (folder / "images").is_dir() and (any(folder.glob("labels/*.txt")) or any(folder.glob("labels/*/*.txt"))):
            raise DataError(
                f"--data {root}: {folder.name}/ holds images/ and labels/, the form of YOLO, and no class folders; "
                f"{prepare_command('affectnet', root)} reads it"
            )


def say_misplaced(root: Path, folders: dict[str, Path], say: Callable[[str], None]) -> None:
    """Warns where images called as one split of FER2013 lie in the folder of another: PublicTest_1.jpg in test/."""
    found = []
    for split, folder in folders.items():
        for usage in (usage for usage in ("Training", "PublicTest", "PrivateTest") if USAGES[usage.lower()] != split):
            number = sum(1 for _ in folder.glob(f"*/{usage}_*"))
            named = f"{folder.name}/ holds {number} images called {usage}_N, of the official split {USAGES[usage.lower()]}"
            if number:
                found.append(named)
    if found:
        command = prepare_command("fer2013", root)
        say(f"warning: {root}: {'; '.join(found)}: {command} keeps FER2013's official splits")
