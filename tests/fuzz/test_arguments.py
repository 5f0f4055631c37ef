"""Any flags with any values end with status 2 and one line, and write nothing."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from data_preprocessing.audit import command as audit
from data_preprocessing.common.command_line import path_text
from data_preprocessing.common.errors import one_line
from data_preprocessing.prepare import command as prepare
from data_preprocessing.synthetic import command as synthetic
from engine.compare import __main__ as compare
from tests.fuzz.hostile import cases, limited, noted, run
from tests.fuzz.tree_files import inside, planted

ROOT = Path(main.__file__).parent
INTEGERS = ["-1", "0", "1", "3", str(10**30), "-0", "٣", "1_0", " 7"]
NUMBERS = ["nan", "inf", "-inf", "1e999", "-0", "-1", "0", "0.5", "1e300", "1e-400", "1e-5", *INTEGERS]
TEXTS = [
    "", "a\0b", "x" * 300, "x" * 5000, "\udcff", "\ud800", "a\nb", "\x1b[31m", "\u202e", " ", "%s", "%(prog)s", "{}", "-", "--",
    "/", "..", "/dev/null", "/proc/self/mem", "nowhere", "nowhere.csv", "auto", "none", "(", "(?P<a", "a{99999999999}", "[[a]",
    "a=b+c", "=", "1,1", "nan,nan,nan", "0.8,0.1,0.1", "15m", "1e5m",
]  # fmt: skip
PROGRAMS = {
    "main": (main.main, main.get_args_parser(), ["--data", "nowhere"]),
    "prepare": (prepare.main, prepare.get_args_parser(), ["folder", "--out", "o", "--source", "nowhere"]),
    "audit": (audit.main, audit.get_args_parser(), ["nowhere"]),
    "synthetic": (synthetic.main, synthetic.get_args_parser(), ["--out", "o", "--classes", "anger", "nowhere"]),
    "compare": (compare.main, compare.get_args_parser(), ["nowhere"]),
}


@st.composite
def command_lines(draw: Callable, program: str) -> list[str]:
    """Arguments, most of them of the right type, that are wrong by what comes last, whatever comes before."""
    _, parser, wrong = PROGRAMS[program]
    arguments = []
    for _ in range(draw(st.integers(0, 4))):
        action = draw(
            st.sampled_from([action for action in parser._actions if action.option_strings and action.dest != "help"])
        )
        flag = draw(st.sampled_from(action.option_strings))
        fitting = {int: INTEGERS, float: NUMBERS}.get(action.type, [str(choice) for choice in action.choices or TEXTS])
        value = draw(st.sampled_from(fitting) | st.sampled_from([*NUMBERS, "9" * 5000, *TEXTS]) | st.text(max_size=4))
        value = draw(st.sampled_from([value, draw(st.sampled_from(fitting))]))
        usual = [flag] if action.nargs == 0 else draw(st.sampled_from([[flag, value], [f"{flag}={value}"]]))
        arguments += usual if draw(st.integers(0, 9)) else draw(st.sampled_from([[flag], [value], [flag, value]]))
    return arguments + wrong


@cases(6)
@given(st.data())
@pytest.mark.parametrize("program", PROGRAMS)
def test_any_arguments_end_in_one_line_and_write_nothing(program, data):
    arguments = data.draw(command_lines(program))
    with tempfile.TemporaryDirectory() as folder, inside(Path(folder)), limited():
        status, said = run(PROGRAMS[program][0], arguments)
        assert status == 2, (arguments, said)
        assert os.listdir() == [], arguments
    noted("by argparse" if said.endswith("see --help\n") else "by the program")


NO_PATHS = ["", "a\0b", "x" * 5000, "circle", "fifo", "file/x", "x" * 300 + "/y"]
NO_NUMBERS = [str(10**30), "-1", "9" * 5000]
NO_PATTERNS = ["a{99999999999}", "(" * 2000, "(?P<a", "[z-a]"]
USUAL = {
    "prepare": (
        ["folder", "--source", "d", "--out", "o"],
        {
            "--source": NO_PATHS,
            "--out": NO_PATHS,
            "--workers": NO_NUMBERS,
            "--size": NO_NUMBERS,
            "--margin": ["nan", "inf", "1e999", "-1"],
            "--ratios": ["nan,nan,nan", "1e999,0,0", "1", "2,-1,0"],
            "--subject-regex": ["", *NO_PATTERNS],
            "--classes": ["", "=", "a\nb", "joy=" + "sad+" * 5000],
        },
    ),
    "audit": (["d"], {"--out": NO_PATHS[:-1], "--subject-regex": NO_PATTERNS}),
    "synthetic": (
        ["--out", "o"],
        {"--out": NO_PATHS, "--size": NO_NUMBERS, "--views": NO_NUMBERS, "--test-people": NO_NUMBERS},
    ),
}
WRONG = [(program, flag, value) for program, (_, flags) in USUAL.items() for flag, values in flags.items() for value in values]


@pytest.mark.parametrize(("program", "flag", "value"), WRONG)
def test_values_that_no_path_number_or_pattern_can_have(tmp_path, program, flag, value):
    planted(tmp_path / "d")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.rglob("*"))
    with inside(tmp_path), limited():
        assert run(PROGRAMS[program][0], [*USUAL[program][0], flag, value])[0] == 2
    assert sorted(tmp_path.rglob("*")) == before


PATHS = ["--data", "--cache", "--pretrained", "--resume", "--evaluate", "--checkpoint_path", "--best_checkpoint_path"]
COUNTS = ["--epochs", "--start-epoch", "--batch-size", "--workers", "--seed", "--print-freq", "--gpu"]
REALS = [
    "--lr",
    "--lr-decay",
    "--feature-lr-scale",
    "--wd",
    "--rho",
    "--margin",
    "--scale",
    "--h",
    "--momentum",
    "--stall-seconds",
]
MAIN = [(flag, value) for flag in PATHS for value in ("", "a\0b", "x" * 5000)]
MAIN += [(flag, value) for flag in COUNTS for value in ("-1", "9" * 5000)]
MAIN += [(flag, value) for flag in REALS for value in ("nan", "inf", "1e999", "-1")]
MAIN += [(flag, str(10**30)) for flag in ("--workers", "--seed", "--gpu")]
MAIN += [("--seeds", value) for value in ("", "0", "1,1", "0,-1", "a,b", f"0,{10**30}", "0,1,")]
UNBOUNDED = [(flag, str(10**30)) for flag in ("--epochs", "--start-epoch", "--batch-size", "--print-freq")]
UNBOUNDED += [(flag, "1e300") for flag in REALS]
UNBOUNDED += [("--run", value) for value in ("a\0b", "a\nb", "\udcff", "x" * 250, "x" * 5000)]


@pytest.mark.parametrize(("flag", "value"), [*MAIN, *UNBOUNDED])
def test_values_that_no_run_can_have_are_refused_by_their_flag(tmp_path, flag, value):
    with inside(tmp_path), limited():
        status, said = run(main.main, [f"{flag}={value}", *["--data", "nowhere"] * (flag != "--data")])
        assert status == 2 and flag in said.split(": ", 1)[1][:60]
        assert os.listdir() == []


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("argument", ["--{}=--", "-e=--", "-e--"])
def test_a_value_that_argparse_loses_is_refused(program, argument):
    flag = {"main": "epochs", "prepare": "out", "audit": "out", "synthetic": "size", "compare": "out"}[program]
    status, said = run(PROGRAMS[program][0], [*PROGRAMS[program][2], argument.format(flag)])
    assert status == 2 and "-- is no value" in said


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 5000, "é" * 2500, "\ud800"])
def test_paths_that_no_file_has_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="the path"):
        path_text(text)


@pytest.mark.parametrize("text", ["a", "a b", "기쁨", "\udcff", "-", "x" * 255, "~", "a\nb"])
def test_paths_that_a_file_may_have_pass(text):
    assert path_text(text) == text


def test_messages_are_one_line_whatever_is_in_them():
    assert one_line(ValueError("a\nb\r\x00\u2028\udcff\u202e 기쁨\u3000é")) == "a\\nb\\r\\x00\\u2028\\udcff\\u202e 기쁨\u3000é"
    assert one_line(ValueError()) == "ValueError"
    assert len(one_line(ValueError("x" * 10**6))) < 1100


@pytest.mark.parametrize("kind", [ValueError, OSError, main.WRONG_INPUT[1]])
def test_of_a_loaders_traceback_the_message_is_told(kind):
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    text = f"Caught {kind.__name__} in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  File x\n"
    assert one_line(kind(f"{text}{name}: a\nb")) == "a\\nb"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_names_in_no_encoding_are_printed_by_every_program(tmp_path, encoding):
    root = planted(tmp_path / os.fsdecode(b"\xff\xb1"))
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (["audit", str(root)], ["prepare", "folder", "--source", str(root), "--out", str(root) + "-o"]):
        command = [sys.executable, "-m", f"data_preprocessing.{arguments[0]}", *arguments[1:]]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode == 0 and done.stderr == b""
        assert b"\\udcff\\udcb1" in done.stdout
