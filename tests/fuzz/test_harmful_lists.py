"""Lists that are made to do harm: nested without end, of absurd sizes, with code in them, or no files at all."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_preprocessing.common.errors import DataError, one_line
from data_preprocessing.sources.fer2013 import read_fer2013
from tests.fuzz.hostile import assert_one_line, limited, silent
from tests.fuzz.list_files import LISTS, npy, planted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000, b'[{"filename": ' * 100_000, b"[" + b"9" * 10_000 + b"]", b"[NaN, Infinity]", b"{}", b"null", b"",
        b'[{"filename": "' + b"x" * 2**20 + b'"}]', b'[{"filename": "a", "filename": 3}]', b"\xff\xfe[\0]\0", b"\0" * 99,
        b"[1e999]",
    ],
)  # fmt: skip
def test_json_that_is_made_to_do_harm_is_refused_with_the_lists_name(tmp_path, data):
    damaged, files, read = LISTS["aihub"]
    planted(tmp_path, {**files, damaged: data})
    with limited(), pytest.raises(DataError) as caught:
        read(tmp_path)
    assert_one_line(one_line(caught.value))
    assert str(tmp_path) in str(caught.value)


def header(text: str, data: bytes = bytes(8)) -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode("latin-1") + data


class Bomb:
    """Leaves a file where it is unpickled."""

    def __reduce__(self):
        return open, ("unpickled", "w")


@pytest.mark.parametrize(
    "data",
    [
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,) * 60, }"),
        header("{'descr': '|V9', 'fortran_order': False, 'shape': (), }", bytes(9)),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (), }"),
        header("(" * 5000 + ")" * 5000),
        header("__import__('os').system('touch unpickled')"),
        header("{'descr': '<i8', 'fortran_order': False, 'shape': (9L,), }"),
        npy(np.array(Bomb(), dtype=object)),
        npy(np.zeros(100_000)),
        npy(np.array("1" * 3000)),
        npy(float("nan")),
        npy(1j),
    ],
)  # fmt: skip
def test_npy_that_is_made_to_do_harm_is_refused_and_never_run(tmp_path, monkeypatch, recwarn, data):
    damaged, files, read = LISTS["affectnet npy"]
    monkeypatch.chdir(tmp_path)
    planted(tmp_path / "d", {**files, damaged: data})
    with limited(), silent(), pytest.raises(DataError, match=r"1_exp\.npy") as caught:
        read(tmp_path / "d")
    assert_one_line(one_line(caught.value))
    assert not (tmp_path / "unpickled").exists() and not recwarn.list


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"emotion,pixels,Usage\n0," + b"1 " * 5_000_000 + b",Training\n", "row 2: more than 1048576 bytes in a line"),
        (b'emotion,pixels,Usage\n0,"' + b"1\n" * 200_000, "row 2: no CSV (field larger than field limit (131072))"),
        (b"emotion,pixels,Usage\n" + b"0,,Training\n" * 1_000_000, "10001 of its first 10001 rows have wrong pixels"),
        (b"\xff\xfe" + "emotion,pixels,Usage\n".encode("utf-16-le"), "row 1: no UTF-8 text (byte 0xff)"),
        (b"emotion,pixels,Usage\n0,\0,Training\n", "row 2: no UTF-8 text (a NUL byte)"),
        (b"emotion,pixels,Usage\n" + b"1" * 5000 + b",1,Training\n", "row 2: emotion '11111111111111111111...' is no label"),
        (b"emotion,pixels,emotion\n", "no rows below the header"),
    ],
)
def test_csv_that_is_made_to_do_harm_names_its_row(tmp_path, data, words):
    path = tmp_path / "fer2013.csv"
    path.write_bytes(data)
    with limited(), pytest.raises(DataError) as caught:
        read_fer2013(path)
    assert_one_line(one_line(caught.value))
    assert str(caught.value).startswith(f"{path}") and words in str(caught.value)


def test_a_csv_of_wrong_rows_takes_little_memory(tmp_path):
    (tmp_path / "fer2013.csv").write_bytes(b"emotion,pixels,Usage\n" + b"0,,Training\n" * 3_000_000)
    code = (
        "import re, sys\nfrom data_preprocessing.sources.fer2013 import read_fer2013\n"
        "try:\n    read_fer2013(sys.argv[1])\n"
        "except ValueError: print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "fer2013.csv")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert int(done.stdout) < 400_000, done.stderr  # kB; a place in the pixels for each row would be 7 GB


@pytest.mark.parametrize("name", ["rafdb", "affectnet list", "ferplus", "ck+", "aihub", "affectnet npy", "manifest.csv"])
def test_lists_that_are_no_files_or_too_large_are_refused(tmp_path, name):
    damaged, files, read = LISTS[name]
    path = planted(tmp_path, files) / damaged
    path.unlink()
    os.mkfifo(path)
    with limited(), pytest.raises(DataError, match="not a regular file"):
        read(tmp_path)
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(2**40)
    with limited(), pytest.raises(DataError, match=r"1,099,512 MB; at most \d+ are read|16,384 bytes"):
        read(tmp_path)
