"""The simulated headset: eyes covered, mouth untouched, varied in training, the same in every evaluation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_preprocessing.loading.occlusion import HeadsetOcclusion, draw_examples, main

EYES = (slice(0.30, 0.46), slice(0.18, 0.82))  # y, x: from the brows to below the eyes of an aligned crop
LOWEST = 0.66  # nothing below is touched
SIZES = [(48, 48), (100, 100), (112, 112), (224, 224), (96, 128), (128, 96), (300, 60), (47, 128)]

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def seeded():
    """Random draws start from a fixed state, which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def plain(shade: int, size: tuple[int, int] = (112, 112), mode: str = "RGB") -> Image.Image:
    return Image.new("L", size, shade).convert(mode)


def region(image: Image.Image, place: tuple[slice, slice]) -> np.ndarray:
    """The pixels that lie wholly within fractions of height and width."""
    pixels = np.asarray(image)
    bounds = [slice(int(np.ceil(part.start * length)), int(part.stop * length)) for part, length in zip(place, pixels.shape)]
    return pixels[bounds[0], bounds[1]]


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.mode == second.mode and first.size == second.size and first.tobytes() == second.tobytes()


def black_and_white(seed: int, size: tuple[int, int], mode: str = "RGB") -> tuple[Image.Image, Image.Image]:
    """A black and a white image under the same headset: they are equal where, and only where, it is opaque."""
    covered = []
    for shade in (0, 255):
        torch.manual_seed(seed)
        covered.append(HeadsetOcclusion()(plain(shade, size, mode)))
    return tuple(covered)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_eyes_are_covered_and_all_below_is_untouched(size, mode):
    for seed in range(40):
        black, white = black_and_white(seed, size, mode)
        assert black.size == white.size == size and black.mode == white.mode == mode
        assert np.array_equal(region(black, EYES), region(white, EYES))
        below = (slice(LOWEST, 1.0), slice(0.0, 1.0))
        assert region(black, below).size and not region(black, below).any()
        assert (region(white, below) == 255).all()


def test_every_draw_of_many_keeps_to_the_frame():
    for seed in range(300):
        black, white = black_and_white(seed, (64, 64), "L")
        assert np.array_equal(region(black, EYES), region(white, EYES)), seed
        assert not region(black, (slice(LOWEST, 1.0), slice(0.0, 1.0))).any(), seed


def test_forehead_and_the_input_stay():
    image = plain(200)
    covered = HeadsetOcclusion()(image)
    assert same(image, plain(200))
    assert (region(covered, (slice(0.0, 0.08), slice(0.0, 1.0))) == 200).all()


def test_strap_reaches_both_edges_and_housing_nearly_does():
    for seed in range(30):
        black, white = black_and_white(seed, (224, 224), "L")
        opaque = np.asarray(black) == np.asarray(white)
        assert opaque[:, [0, -1]].any(axis=0).all()
        assert 0.25 < opaque.mean() < 0.50
        assert (opaque.sum(axis=1) > 0.8 * 224).sum() > 0.15 * 224


def test_nose_is_cut_out_of_the_lower_edge():
    """On average the housing ends higher above the nose than beside it."""
    ends = []
    for seed in range(30):
        black, white = black_and_white(seed, (224, 224), "L")
        opaque = np.asarray(black) == np.asarray(white)
        ends.append([np.flatnonzero(opaque[:, column])[-1] for column in (112, 60, 164)])
    nose, left, right = np.mean(ends, axis=0)
    assert nose < min(left, right) - 4


def test_edges_are_smooth_and_sharp():
    """Of many opacities, in a line of about a pixel; opacities up to 0.4 are the shadow's."""
    black, white = black_and_white(0, (224, 224), "L")
    opacity = 1 - (np.asarray(white).astype(int) - np.asarray(black)) / 255
    edge = opacity[(opacity > 0.45) & (opacity < 0.95)]
    assert len(np.unique(edge)) > 15
    assert 150 < len(edge) < 700


def test_draws_vary_in_place_and_shade():
    draws = [HeadsetOcclusion()(plain(255, mode="L")) for _ in range(40)]
    assert len({draw.tobytes() for draw in draws}) == 40
    shades = [region(draw, EYES).mean() for draw in draws]
    assert min(shades) < 40 and max(shades) > 130 and np.mean(np.array(shades) < 100) > 0.75
    touched = [np.flatnonzero((np.asarray(draw) < 250)[:, 30])[[0, -1]] for draw in draws]
    assert np.std(touched, axis=0).min() > 1


def test_draw_follows_torchs_generator_alone(make_image):
    image, occlusion = make_image(0, (60, 60)), HeadsetOcclusion()
    np.random.seed(0)
    numpy_before = np.random.get_state()[1].copy()
    first, second = occlusion(image), occlusion(image)
    assert np.array_equal(np.random.get_state()[1], numpy_before)
    torch.manual_seed(0)
    np.random.seed(1)
    assert same(occlusion(image), first)
    assert same(occlusion(image), second)
    assert not same(first, second)


def test_later_draws_do_not_hang_on_what_was_drawn(make_image):
    following = []
    for p in (0.0, 0.5, 1.0):
        torch.manual_seed(3)
        HeadsetOcclusion(p)(make_image(0))
        following.append(torch.rand(()).item())
    assert len(set(following)) == 1


def test_fixed_depends_on_the_image_alone(make_image):
    image, occlusion = make_image(0, (60, 60)), HeadsetOcclusion(fixed=True)
    state = torch.get_rng_state()
    first = occlusion(image)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert same(HeadsetOcclusion(fixed=True)(image.copy()), first)


def test_fixed_varies_between_images(make_image):
    headsets = set()
    for seed in range(10):
        covered = HeadsetOcclusion(fixed=True)(make_image(seed))
        headsets.add(region(covered, EYES).tobytes())
    assert len(headsets) == 10


@pytest.mark.parametrize("fixed", [False, True])
def test_probability(make_image, fixed):
    images = [make_image(seed, (24, 24)) for seed in range(200)]
    assert all(HeadsetOcclusion(0.0, fixed)(image) is image for image in images[:20])
    assert all(not same(HeadsetOcclusion(1.0, fixed)(image), image) for image in images[:20])
    some = HeadsetOcclusion(0.3, fixed)
    assert 30 < sum(some(image) is not image for image in images) < 90


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 5), (700, 700)])
def test_any_size_is_taken(size):
    assert HeadsetOcclusion()(plain(128, size)).size == size


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_wrong_probability_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        HeadsetOcclusion(p)


def test_other_mode_is_refused():
    with pytest.raises(ValueError, match="RGBA"):
        HeadsetOcclusion()(Image.new("RGBA", (8, 8)))


def test_examples_are_drawn_alike_twice(make_faces, tmp_path, capsys):
    root = make_faces(tmp_path / "faces", {"train": {"기쁨": 3, "anger": 2}})
    out = tmp_path / "out.png"
    state = torch.get_rng_state()
    assert main(["--data", str(root), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert torch.equal(torch.get_rng_state(), state)
    again = draw_examples(root, tmp_path / "again.png")
    assert again.read_bytes() == out.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.png", "faces", "out.png"]
    with Image.open(out) as sheet:
        assert sheet.height == 4 * 112 and sheet.width > 5 * 112


def test_examples_show_the_images_of_the_data(make_faces, tmp_path):
    root = make_faces(tmp_path / "faces", {"train": {"a": 1, "b": 1}}, size=(112, 112))
    with Image.open(draw_examples(root, tmp_path / "out.png")) as sheet:
        shown = np.asarray(sheet.convert("RGB"))[:112, -112:].astype(int)
    with Image.open(root / "train/b/0.png") as image:
        assert np.abs(shown - np.asarray(image)).max() < 4


@pytest.mark.parametrize(
    ("data", "out", "message"),
    [
        ("nowhere", "out.png", "no such folder"),
        ("faces", "out.jpg", "ends in .png"),
        ("faces", "missing/out.png", "No such file"),
        ("broken", "out.png", "unreadable image"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(make_faces, tmp_path, capsys, data, out, message):
    make_faces(tmp_path / "faces", {"train": {"a": 1, "b": 1}})
    make_faces(tmp_path / "broken", {"train": {"a": 1, "b": 1}})
    (tmp_path / "broken/train/a/0.png").write_bytes(b"no image")
    before = sorted(tmp_path.rglob("*"))
    assert main(["--data", str(tmp_path / data), "--out", str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_every_command_is_where_its_help_says():
    for name in ("prepare", "audit", "synthetic", "occlusion"):
        command = [sys.executable, "-m", f"data_preprocessing.{name}", "--help"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith(f"usage: python -m data_preprocessing.{name} "), done.stderr
