"""Which images in which order, and augmentation that depends on (seed, epoch, image) alone."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from data_preprocessing.common.errors import DataError, one_line
from data_preprocessing.loading.datasets import FaceDataset, mix_seed
from data_preprocessing.loading.loaders import EpochBatchSampler, balancing_weights, create_loader
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import read_split

AUGMENTATION = "jitter-affine-erase"  # the protocol with every kind of random draw


def keys(sampler: EpochBatchSampler) -> list[tuple[int, int]]:
    return [key for batch in sampler for key in batch]


def sizes(sampler: EpochBatchSampler) -> list[int]:
    return [len(batch) for batch in sampler]


def read_epoch(loader, epoch: int) -> SimpleNamespace:
    """Everything that one epoch of `loader` yields."""
    loader.batch_sampler.set_epoch(epoch)
    images, labels, indices = (torch.cat(parts) for parts in zip(*loader))
    return SimpleNamespace(images=images, labels=labels, indices=indices)


def assert_same_bits(a: SimpleNamespace, b: SimpleNamespace) -> None:
    assert torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and torch.equal(a.indices, b.indices)


@pytest.fixture
def split(tmp_path, make_faces):
    """Seven images of two classes."""
    return read_split("train", make_faces(tmp_path, {"train": {"a": 4, "b": 3}}) / "train")


@pytest.fixture
def broken(split):
    """The same with an unreadable image, b/1.png, at index 5."""
    (split.folder / "b" / "1.png").write_text("no image")
    return split


@pytest.mark.parametrize("size", [1, 2, 5, 16, 17, 33, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 16, 64])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_image_comes_once_and_len_counts_the_batches(size, batch_size, shuffle):
    sampler = EpochBatchSampler(size, batch_size, shuffle)
    assert sorted(keys(sampler)) == [(0, index) for index in range(size)]
    assert len(sampler) == len(list(sampler))
    assert min(sizes(sampler)) > 1 or batch_size == 1 or size == 1
    assert max(sizes(sampler)) <= batch_size + 1


@pytest.mark.parametrize(
    ("size", "batch_size", "expected"),
    [(9, 4, [4, 5]), (10, 4, [4, 4, 2]), (8, 4, [4, 4]), (5, 4, [5]), (3, 2, [3]), (3, 4, [3]), (1, 4, [1])],
)
def test_last_lone_image_joins_the_batch_before(size, batch_size, expected):
    assert sizes(EpochBatchSampler(size, batch_size)) == expected


def test_batches_of_one_are_kept():
    assert sizes(EpochBatchSampler(5, 1, shuffle=True)) == [1] * 5


def test_unshuffled_order_is_that_of_the_data():
    assert EpochBatchSampler(6, 4, seed=3).order() == [0, 1, 2, 3, 4, 5]


def test_shuffled_order_changes_with_epoch_and_seed():
    sampler = EpochBatchSampler(50, 8, shuffle=True, seed=1)
    first = sampler.order()
    sampler.set_epoch(1)
    orders = [first, sampler.order(), EpochBatchSampler(50, 8, shuffle=True, seed=2).order(), list(range(50))]
    assert len({tuple(order) for order in orders}) == 4


def test_order_depends_on_nothing_but_seed_and_epoch():
    used, fresh = (EpochBatchSampler(50, batch_size, shuffle=True, seed=4) for batch_size in (8, 5))
    for epoch in range(5):
        used.set_epoch(epoch)
        list(used)
        torch.rand(epoch + 1)
    fresh.set_epoch(4)
    assert keys(used) == keys(fresh) == keys(used)


def test_sampling_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    list(EpochBatchSampler(50, 8, shuffle=True))
    list(EpochBatchSampler(50, 8, weights=torch.ones(50)))
    assert torch.equal(torch.get_rng_state(), state)


def test_keys_carry_the_epoch():
    sampler = EpochBatchSampler(5, 2, shuffle=True)
    sampler.set_epoch(7)
    assert {epoch for epoch, _ in keys(sampler)} == {7}


def test_balancing_weights_give_every_class_the_same_mass():
    labels = (0,) * 9 + (1,) + (2,) * 3
    weights = balancing_weights(labels)
    mass = [sum(w for w, k in zip(weights.tolist(), labels) if k == label) for label in range(3)]
    assert mass == pytest.approx([mass[0]] * 3)


def test_balanced_sampling_evens_out_an_imbalanced_set():
    labels = (0,) * 900 + (1,) * 100
    sampler = EpochBatchSampler(len(labels), 10, shuffle=True, weights=balancing_weights(labels), seed=0)
    order = sampler.order()
    assert len(order) == len(labels)
    share = Counter(labels[index] for index in order)[1] / len(order)
    assert share == pytest.approx(0.5, abs=0.06)
    assert len(set(order)) < len(order)  # with replacement


def test_balanced_sampling_is_seeded():
    weights = balancing_weights((0,) * 90 + (1,) * 10)
    orders = []
    for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0)):
        sampler = EpochBatchSampler(100, 10, weights=weights, seed=seed)
        sampler.set_epoch(epoch)
        orders.append(tuple(sampler.order()))
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_balanced_loader_draws_the_rare_class_as_often(tmp_path, make_faces):
    split = read_split("train", make_faces(tmp_path, {"train": {"a": 36, "b": 4}}, size=(8, 8)) / "train")
    loader = create_loader(FaceDataset(split, create_transform("plain")), 10, 0, False, shuffle=True, balanced=True)
    labels = torch.cat([read_epoch(loader, epoch).labels for epoch in range(5)])
    assert len(labels) == 200
    assert labels.double().mean().item() == pytest.approx(0.5, abs=0.12)


def test_mixed_seeds_differ_by_every_part():
    parts = [(seed, epoch, index) for seed in range(6) for epoch in range(6) for index in range(6)]
    assert len({mix_seed(*p) for p in parts}) == len(parts)


def test_item_is_image_label_and_index(split):
    dataset = FaceDataset(split, create_transform("plain"))
    assert len(dataset) == 7
    image, label, index = dataset[0, 5]
    assert image.shape == (3, 224, 224) and image.dtype == torch.float32
    assert (label, index) == (1, 5)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_batches_are_the_same_bits_for_any_number_of_workers(split):
    dataset = FaceDataset(split, create_transform(AUGMENTATION), seed=5)
    loaders = [create_loader(dataset, 2, workers, False, shuffle=True) for workers in (0, 1, 3)]
    for epoch in (1, 2):
        alone, *others = [read_epoch(loader, epoch) for loader in loaders]
        for other in others:
            assert_same_bits(alone, other)


def test_repeated_epoch_is_the_same_bits(split):
    loader = create_loader(FaceDataset(split, create_transform(AUGMENTATION)), 3, 0, False, shuffle=True)
    first = read_epoch(loader, 1)
    read_epoch(loader, 2)
    torch.rand(3)
    assert_same_bits(first, read_epoch(loader, 1))


def test_image_does_not_depend_on_the_batch_it_is_in(split):
    dataset = FaceDataset(split, create_transform(AUGMENTATION))
    one, three = (read_epoch(create_loader(dataset, size, 0, False), 1) for size in (1, 3))
    assert_same_bits(one, three)


@pytest.mark.parametrize("change", ["epoch", "seed"])
def test_augmentation_changes_with_epoch_and_seed(split, change):
    first, other = FaceDataset(split, create_transform(AUGMENTATION), 0), FaceDataset(split, create_transform(AUGMENTATION), 1)
    for index in range(3):
        changed = first[1, index] if change == "epoch" else other[0, index]
        assert not torch.equal(first[0, index][0], changed[0])


def test_equal_images_at_different_places_are_augmented_differently(split):
    first, second = (split.folder / path for path in split.paths[:2])
    second.write_bytes(first.read_bytes())
    dataset = FaceDataset(split, create_transform(AUGMENTATION))
    assert not torch.equal(dataset[0, 0][0], dataset[0, 1][0])


def test_item_leaves_the_global_generator_alone(split):
    dataset = FaceDataset(split, create_transform(AUGMENTATION))
    state = torch.get_rng_state()
    dataset[0, 0]
    assert torch.equal(torch.get_rng_state(), state)


def test_item_leaves_the_global_generator_alone_where_it_fails(split):
    def fail(image):
        torch.rand(1)
        raise RuntimeError("transform")

    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="transform"):
        FaceDataset(split, fail)[0, 0]
    assert torch.equal(torch.get_rng_state(), state)


def test_loader_leaves_the_global_generator_alone(split):
    state = torch.get_rng_state()
    read_epoch(create_loader(FaceDataset(split, create_transform(AUGMENTATION)), 4, 0, False, shuffle=True), 1)
    assert torch.equal(torch.get_rng_state(), state)


def test_unreadable_image_is_named(broken):
    with pytest.raises(DataError) as caught:
        FaceDataset(broken, create_transform("plain"))[0, 5]
    assert str(broken.folder / "b" / "1.png") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_unreadable_image_is_named_in_one_line_through_a_worker(broken):
    messages = []
    for workers in (0, 1):
        with pytest.raises(DataError) as caught:
            read_epoch(create_loader(FaceDataset(broken, create_transform("plain")), 4, workers, False), 1)
        messages.append(one_line(caught.value))
    assert messages[0] == messages[1]
    assert len(messages[0].splitlines()) == 1
    assert messages[0].startswith(str(broken.folder / "b" / "1.png"))
