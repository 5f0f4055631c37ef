"""Writing checkpoints: whole, verified and on the disk, or not at all."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import torch

from data_preprocessing.common.files import file_digest, sync_folder
from engine.errors import TrainingStopped
from models.files.checksum import checksum


class _Hashing:
    """A file for torch.save: passes bytes on, and remembers their SHA-256."""

    def __init__(self, file):
        self.file, self.digest = file, hashlib.sha256()

    def write(self, data) -> int:
        self.file.write(data)
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        self.file.flush()


def save_checkpoint(path: Path, content: dict) -> str:
    """Write `content`, as CheckpointContent.to_file gives it, with its checksum to `path`; returns the file's SHA-256.

    The file at `path` stays until the new one is on the disk and has been read back and found equal. Raises
    TrainingStopped naming the file where that fails; nothing of the new one is left then.
    """
    content = {**content, "checksum": checksum(content)}
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            digest = _write(file, content)
        if file_digest(partial) != digest:
            raise OSError("what was read back is not what was written")
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise TrainingStopped(f"{path}: cannot be written ({error.strerror or error}); make room or mend the disk") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return digest


def _write(file, content: dict) -> str:
    target = _Hashing(file)
    try:
        torch.save(content, target)
    except RuntimeError as error:  # torch makes one of a full disk and of an impatient second Ctrl-C
        if isinstance(error.__context__, OSError | KeyboardInterrupt):
            raise error.__context__ from None
        raise
    file.flush()
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):  # have it read back from the disk, not from memory
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return target.digest.hexdigest()


def share_checkpoint(last: Path, best: Path) -> None:
    """Let `best` name the file that `last` is now: a link, or a copy where the file system has none."""
    partial = best.with_name(best.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(last, partial)
        except OSError:
            shutil.copyfile(last, partial)
        partial.replace(best)
        sync_folder(best.parent)
    except OSError as error:
        raise TrainingStopped(f"{best}: cannot be written ({error.strerror or error}); make room or mend the disk") from None
    finally:
        with contextlib.suppress(OSError):  # where `best` names this very file already, replace does nothing and leaves it
            partial.unlink(missing_ok=True)
