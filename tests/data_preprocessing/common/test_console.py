"""Output that nobody reads any more ends no command, and other faults of it are still told."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data_preprocessing.synthetic.command import write_synthetic

ROOT = Path(__file__).resolve().parents[3]
PRINTS = "from data_preprocessing.common.console import lasting_output, output_gone\nlasting_output()\n"


def run(command: list, folder: Path, stdout: int | str = "closed", stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Exit status and stderr of a Python command whose standard output is a pipe that nobody reads, or a descriptor."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    taken = writing if stdout == "closed" else stdout
    try:
        argv = [sys.executable, *map(str, command)]
        done = subprocess.run(argv, cwd=folder, env=environment, stdout=taken, stderr=stderr, text=True, timeout=120)
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces in data/, the same as downloaded ones in source/, and two evaluations in log/."""
    folder = tmp_path_factory.mktemp("console")
    write_synthetic(folder / "data", people={"train": 2, "valid": 1, "test": 1}, views=1, size=48)
    shutil.copytree(folder / "data/train", folder / "source")
    return folder


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (["-m", "data_preprocessing.synthetic", "--out", "drawn", "--train-people", 1, "--size", 16], "drawn/train"),
        (["-m", "data_preprocessing.audit", "data", "--out", "."], "audit.html"),
        (["-m", "data_preprocessing.prepare", "folder", "--source", "source", "--out", "prepared"], "prepared/manifest.csv"),
        (["-m", "data_preprocessing.prepare", "--help"], ""),
        ([ROOT / "main.py", "--help"], ""),
        (["-u", ROOT / "main.py", "--help"], ""),
    ],
)
def test_a_closed_pipe_ends_no_command_and_leaves_no_word(command, written, work):
    assert run(command, work) == (0, "")
    assert (work / written).exists()


def test_the_status_is_that_of_the_command(work):
    status, error = run(["-m", "data_preprocessing.audit", "nowhere"], work)
    assert status == 2 and error.startswith("error: nowhere") and error.count("\n") == 1


def test_why_nobody_reads_can_be_asked_and_nothing_else_can_fail_there(tmp_path):
    code = f"{PRINTS}print('a', flush=True)\nassert output_gone() == 'Broken pipe'\nimport os\nos.write(1, b'b')\n"
    assert run(["-c", code], tmp_path) == (0, "")


def test_a_full_disk_is_still_an_error(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        code = f"{PRINTS}import os\ntry:\n    print('a', flush=True)\nexcept OSError as error:\n    os._exit(error.errno)"
        status, _ = run(["-c", code], tmp_path, full.fileno())
    assert status == 28


@pytest.mark.parametrize("printed", [1, 100_000])
def test_a_full_disk_ends_a_command_with_its_status_and_one_line(tmp_path, printed):
    """Of little output it is noticed at the end alone."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    code = f"{PRINTS}import sys\ntry:\n    print('a' * {printed})\nexcept OSError as error:\n"
    code += "    print(f'error: {error}', file=sys.stderr)\n    sys.exit(3)"
    with open("/dev/full", "w") as full:
        status, error = run(["-c", code], tmp_path, full.fileno())
    assert status == 3 and error.startswith("error: the output cannot be written (No space left") and error.count("\n") == 1


def test_closed_from_the_start(tmp_path):
    code = f"{PRINTS}import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr)\nopen('kept', 'w').write('c')"
    command = ["sh", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, code]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 0 and (tmp_path / "kept").read_text() == "c"


def test_a_terminal_that_is_gone(tmp_path):
    """Its end is another error than a pipe's; a disk that fails says the same and is told."""
    controller, terminal = os.openpty()
    code = f"{PRINTS}import sys\nsys.stdin.readline()\nprint('a', flush=True)\nassert output_gone()\n"
    code += "print('b', file=sys.stderr)"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    os.close(terminal)
    os.close(controller)
    process.communicate(b"\n", timeout=60)
    assert process.returncode == 0
