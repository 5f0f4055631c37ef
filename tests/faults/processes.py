"""Runs of main.py as processes that can be signalled, killed and watched."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def hear_hangups() -> None:
    """In a new process: SIGHUP as a terminal's process has it, though the tests may run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Fresh:
    """Starts `python main.py …` as a shell does."""

    def start(self, argv: list[str], cwd: Path, output: Path, errors: Path, limits: dict[str, int] | None = None) -> "Process":
        """A process in a session of its own. limits: none but {} here."""
        assert not limits
        with open(output, "ab") as out, open(errors, "ab") as err:
            command = [sys.executable, str(ROOT / "main.py"), *argv]
            streams = dict(stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            options = dict(env=_ENVIRONMENT, start_new_session=True, preexec_fn=hear_hangups)
            popen = subprocess.Popen(command, cwd=cwd, **streams, **options)
        return Process(popen.pid, popen.wait)

    def close(self) -> None:
        """Nothing is left open."""


class Forked:
    """The same from a process that has the program imported (zygote.py): each run starts seconds sooner."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.faults.zygote"]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._zygote = subprocess.Popen(command, cwd=ROOT, env=_ENVIRONMENT, **pipes)
        self._zygote.stdout.readline()

    def start(
        self,
        argv: list[str],
        cwd: Path,
        output: Path,
        errors: Path,
        limits: dict[str, int] | None = None,
        variables: dict[str, str] | None = None,
    ) -> "Process":
        """As Fresh.start; limits and variables as zygote.py has them."""
        request = dict(argv=argv, cwd=str(cwd), output=str(output), errors=str(errors))
        request |= dict(limits=limits or {}, variables=variables or {})
        pid = self._ask(request)
        return Process(pid, lambda: self._ask({"wait": pid}))

    def address_space(self) -> int:
        """Bytes of it that a process needs before it does anything, for a limit on more (RLIMIT_AS)."""
        status = Path(f"/proc/{self._zygote.pid}/status").read_text(encoding="ascii")
        return 1024 * int(status.partition("VmSize:")[2].split()[0])

    def _ask(self, request: dict) -> int:
        self._zygote.stdin.write(json.dumps(request) + "\n")
        self._zygote.stdin.flush()
        return int(self._zygote.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._zygote.stdin.close()
        self._zygote.wait()
        self._zygote.stdout.close()


class Process:
    """A run under way. pid: of the main process, and number of its session. reap: waits and returns the exit status."""

    def __init__(self, pid: int, reap):
        self.pid, self._reap, self.status = pid, reap, None
        self._descriptor = os.pidfd_open(pid)

    def is_over(self) -> bool:
        """Whether the main process has ended; `status` tells how."""
        if self.status is None and select.select([self._descriptor], [], [], 0)[0]:
            self.status = self._reap()
            os.close(self._descriptor)
        return self.status is not None

    def wait(self, seconds: float = 120) -> int:
        """The exit status, negative for a signal. Raises TimeoutError, after killing all of it, where it goes on."""
        end = time.monotonic() + seconds
        while not self.is_over():
            if time.monotonic() > end:
                self.end_all()
                raise TimeoutError(f"process {self.pid} goes on after {seconds} s")
            select.select([self._descriptor], [], [], 0.2)
        return self.status

    def send(self, number: int, group: bool = False) -> None:
        """Send a signal, to every process of the group as a terminal does, or to the main one alone."""
        if not self.is_over():
            (os.killpg if group else os.kill)(self.pid, number)

    def members(self) -> list[int]:
        """Every process of the session that is still there, the main one included."""
        return [pid for pid, _, session in _processes() if session == self.pid]

    def workers(self) -> list[int]:
        """The main process's loading processes."""
        return [pid for pid, parent, _ in _processes() if parent == self.pid]

    def members_after(self, seconds: float) -> list[int]:
        """Who is still there, at most `seconds` later."""
        end = time.monotonic() + seconds
        while self.members() and time.monotonic() < end:
            time.sleep(0.1)
        return self.members()

    def end_all(self) -> None:
        """Kill what is left of the session."""
        for pid in self.members():
            os.kill(pid, signal.SIGKILL)
        while not self.is_over():
            time.sleep(0.05)


def _processes() -> list[tuple[int, int, int]]:
    """(id, parent's id, session) of every process that is not a zombie."""
    found = []
    for folder in os.scandir("/proc"):
        if folder.name.isdigit():
            try:
                with open(f"/proc/{folder.name}/stat", "rb") as file:
                    state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
            except OSError:  # it has ended meanwhile
                continue
            if state not in b"ZX":
                found.append((int(folder.name), int(parent), int(session)))
    return found
