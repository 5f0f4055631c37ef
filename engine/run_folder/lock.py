"""One process per run: a lock that the kernel takes back from a process that has ended, however it ended."""

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from engine.errors import UsageError


class RunLock:
    """Held from construction until `release` or the end of the process. folder: of the run, made if missing.

    A POSIX record lock: worker processes do not inherit it, so workers that outlive a killed run for seconds do not hold
    it, and it holds between machines where the file system passes it on (NFS does). The file itself stays behind: to remove
    it would let two processes lock two files of one name. Raises UsageError naming the process that holds it.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / ".lock"
        # never opened a second time in this process: closing any descriptor of the file would end the lock
        self._file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115, open as long as the lock is held
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = self._holder()
            self._file.close()
            raise UsageError(
                f"--run {folder.name}: {holder} is working on this run; wait for it, or choose another name"
            ) from None
        except OSError:  # a file system without locks: better to run than not to
            return
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with contextlib.suppress(OSError):  # on a full disk the lock holds without saying whose it is
            self._file.truncate(0)
            os.write(self._file.fileno(), json.dumps(holder).encode())

    def _holder(self) -> str:
        self._file.seek(0)
        try:
            holder = json.loads(self._file.read(1000))
            return f"process {holder['pid']} on {holder['host']} (since {holder['since']})"
        except (ValueError, KeyError, TypeError):
            return "another process"

    def release(self) -> None:
        """Let another process have the run."""
        self._file.close()
