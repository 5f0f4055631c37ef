"""Writing checkpoints: whole or not at all."""

import os
import shutil
from pathlib import Path

import torch

from engine.checkpoint import FORMAT, VERSION


def save_checkpoint(path: Path, content: dict) -> None:
    """Write `content` and the format's name and version to `path`, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            torch.save({"format": FORMAT, "version": VERSION, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def share_checkpoint(last: Path, best: Path) -> None:
    """Let `best` name the file that `last` is now: a link, or a copy where the file system has none."""
    partial = best.with_name(best.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(last, partial)
    except OSError:
        shutil.copyfile(last, partial)
    partial.replace(best)
