"""Near-duplicates: changed copies are found, other images are not, and every pair is seen once whatever the blocks."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from data_preprocessing.audit import near_duplicates
from data_preprocessing.audit.near_duplicates import TooManyCandidates, find_pairs, fingerprints, grey_thumbnail, similarity

NUMBER = 30


def sample_image(seed: int, size: int = 120) -> Image.Image:
    """Random patches of several scales, as unlike as photographs of different scenes."""
    rng = np.random.default_rng(seed)
    layers = [Image.fromarray(rng.integers(0, 256, (n, n), dtype=np.uint8)).resize((size, size), 3) for n in (4, 8, 16)]
    return Image.fromarray(np.mean([np.asarray(layer) for layer in layers], axis=0).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data)


def prints(images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    return fingerprints(np.stack([grey_thumbnail(image) for image in images]))


def pairs(images: list[Image.Image], most: int = 10**6) -> set[tuple[int, int, bool]]:
    found = [
        (int(i), int(j), part.mirrored) for part in find_pairs(*prints(images), most) for i, j in zip(part.first, part.second)
    ]
    assert len(found) == len(set(found))
    return set(found)


COPIES = {
    "re-encoded": lambda image: jpeg(image, 60),
    "resized": lambda image: image.resize((84, 84)),
    "cropped": lambda image: image.crop((2, 2, 118, 118)),
    "brighter": lambda image: image.point(lambda value: value * 0.8 + 50),
    "in colour": lambda image: image.convert("RGB"),
    "with a channel of 16 bits": lambda image: Image.fromarray(np.asarray(image).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_changed_copy_is_found_and_nothing_else(change, mirrored):
    originals = [sample_image(seed) for seed in range(NUMBER)]
    copies = [change(ImageOps.mirror(image) if mirrored else image) for image in originals]
    assert pairs(originals + copies) == {(k, NUMBER + k, mirrored) for k in range(NUMBER)}


def test_copies_turned_upside_down_or_inverted_are_other_images():
    one = sample_image(1)
    assert pairs([one, ImageOps.flip(one), ImageOps.invert(one)]) == set()


def test_copy_of_a_symmetric_image_is_one_pair_and_not_a_mirrored_one():
    half = np.asarray(sample_image(2))[:, :60]
    symmetric = Image.fromarray(np.hstack([half, half[:, ::-1]]))
    assert pairs([symmetric, jpeg(symmetric, 80)]) == {(0, 1, False)}


def test_blocks_and_batches_do_not_change_what_is_found(monkeypatch):
    originals = [sample_image(seed) for seed in range(11)]
    images = originals + [ImageOps.mirror(image) for image in originals] + originals
    whole = pairs(images)
    monkeypatch.setattr(near_duplicates, "_BLOCK", 4)
    monkeypatch.setattr(near_duplicates, "_BATCH", 1)
    assert pairs(images) == whole
    assert len(whole) == 3 * 11


def test_blank_images_are_alike_but_no_pair():
    blank = [Image.new("L", (60, 60), level) for level in (0, 90, 90, 255)]
    descriptors, details = prints(blank)
    assert not descriptors.any() and not details.any()
    assert pairs(blank) == set()


def test_search_ends_where_too_many_images_are_alike():
    images = [jpeg(sample_image(3), quality) for quality in range(60, 90, 2)]
    assert len(pairs(images, most=15 * 14 // 2)) == 15 * 14 // 2
    with pytest.raises(TooManyCandidates):
        pairs(images, most=15 * 14 // 2 - 1)


def test_mirror_images_have_the_same_coefficients_with_the_odd_horizontal_ones_negated():
    descriptors, details = prints([sample_image(4), ImageOps.mirror(sample_image(4))])
    np.testing.assert_allclose(descriptors[1].reshape(8, 8), descriptors[0].reshape(8, 8) * ([1, -1] * 4), atol=2e-3)
    assert np.abs(details[1].astype(int) - details[0][:, ::-1]).max() <= 2
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, rtol=1e-5)


def test_similarity_undoes_a_shift_of_a_pixel_and_is_a_correlation():
    details = prints([sample_image(seed) for seed in range(20)])[1]
    assert similarity(details, details).min() > 0.999
    assert similarity(details, -details).max() == 0
    assert similarity(details, np.roll(details, 1, axis=2)).min() > 0.9
    assert similarity(details[:10], details[10:]).max() < 0.6


def test_few_and_no_images():
    assert pairs([sample_image(1)]) == set()
    assert list(find_pairs(np.empty((0, 64), np.float32), np.empty((0, 32, 32), np.int8), 1)) == []


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (33, 20)])
def test_thumbnails_of_any_shape(size):
    assert grey_thumbnail(Image.new("RGB", size, (9, 9, 9))).shape == (32, 32)


def test_large_jpegs_are_decoded_at_a_reduced_scale():
    image = jpeg(sample_image(5, 640), 90)
    grey_thumbnail(image)
    assert image.size == (80, 80)
