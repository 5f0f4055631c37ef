"""Damaged lists: CSV, JSON, .npy and text files of every data set end in labels or in one line."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocessing.audit.report import find_verdict
from tests.fuzz.hostile import assert_one_line, cases, limited, mutated, noted, retold, silent
from tests.fuzz.list_files import LISTS, planted, read_with


@pytest.mark.parametrize("name", LISTS)
def test_the_samples_are_good(tmp_path, name):
    _, files, read = LISTS[name]
    read(planted(tmp_path, files))


@cases(20)
@given(st.sampled_from(sorted(LISTS)), st.integers(0, 2**32))
def test_a_damaged_list_is_read_or_refused_in_one_line(name, seed):
    damaged, files, _ = LISTS[name]
    read_with(name, retold(files[damaged], seed))


NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**30), 1e308])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.text(max_size=5)
    | st.sampled_from(["기쁨", "분노", "s1_기쁨.jpg", "\ud800", "a\nb"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
BOXES = st.dictionaries(st.sampled_from(["minX", "minY", "maxX", "maxY", "x"]), VALUES)
VOTE = VALUES | st.fixed_dictionaries({"faceExp": VALUES, "boxes": VALUES | BOXES})
KEYS = {"filename": VALUES, "faceExp_uploader": VALUES, "annot_A": VOTE, "annot_B": VOTE, "annot_C": VOTE}


@cases(10)
@given(VALUES | st.lists(VALUES | st.fixed_dictionaries({}, optional=KEYS), max_size=4))
def test_json_with_anything_anywhere(content):
    read_with("aihub", json.dumps(content).encode())


@cases(4)
@given(st.integers(0, 2**32))
def test_a_damaged_verdict_of_an_audit_is_one_line_or_none(seed):
    figures = {"format": 1, "verdict": "leakage", "text": "No:\nmany \udcff " + "x" * 5000}
    data = json.dumps(figures, indent=1).encode()
    with tempfile.TemporaryDirectory() as folder, limited(), silent():
        (Path(folder) / "audit.json").write_bytes(mutated(data, seed) if seed % 2 else retold(data, seed))
        verdict = find_verdict(folder)
    noted("read" if verdict else "ignored")
    if verdict:
        assert_one_line(verdict)
