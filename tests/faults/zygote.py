"""A process that has imported the program once and forks itself for each run: saves the seconds that importing takes.

    python -m tests.faults.zygote [ARGUMENTS of main.py, which this process then runs itself]

Says 0 when it is ready, then reads a JSON object a line. {"argv", "cwd", "output", "errors", "limits", "variables"} starts
`main.py argv` there, in a session of its own, its output in those files, under those limits ({"RLIMIT_FSIZE": bytes})
and with those environment variables; answered by its process id. {"wait": id} waits for its end; answered by its exit status,
negative for a signal.
"""

import gc
import json
import os
import resource
import signal
import sys

from matplotlib.layout_engine import ConstrainedLayoutEngine

import engine.commands.train  # noqa: F401, what takes the seconds
import main
from tests.faults.processes import hear_hangups

ConstrainedLayoutEngine.execute = lambda engine, figure: None  # as in the tests' own process: half of a plot's time


def become(argv: list[str], cwd: str, output: str, errors: str, limits: dict[str, int], variables: dict[str, str]) -> None:
    """Make of this process one that the shell has started as `python main.py argv`."""
    os.setsid()
    os.chdir(cwd)
    os.environ.update(variables)
    for path, descriptor in ((os.devnull, 0), (output, 1), (errors, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, name), (most, most))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hear_hangups()
    sys.argv = ["main.py", *argv]


def serve() -> None:
    """Answer requests until there are no more; in a forked process, run main.py and end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the tests' terminal is for the tests
    gc.freeze()  # what is there already is not looked through in every process, nor copied
    os.write(1, b"0\n")
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                become(**request)
                sys.exit(main.main(request["argv"]))
        os.write(1, f"{answer}\n".encode())


if __name__ == "__main__":
    sys.exit(main.main(sys.argv[1:]) if sys.argv[1:] else serve())
