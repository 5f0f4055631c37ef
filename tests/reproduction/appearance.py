"""Images as vectors, for what a split by images instead of persons does; and the classifier that has learnt nothing
but to recognise what it has seen.
"""

from dataclasses import dataclass

import numpy as np

DIM = 64


@dataclass
class Images:
    """features (N, DIM), expressions (N,) and persons (N,)."""

    features: np.ndarray
    expressions: np.ndarray
    persons: np.ndarray


def photograph(
    persons: int, takes: int, images: int, expressions: int, noise: float, shared: float = 0.1, seed: int = 0
) -> Images:
    """`images` of each person in each of `takes` expressions (all of them where takes == expressions).

    A person's looks are strong, and so is the person's own way of showing an expression on that day; what people share
    in showing an expression is weak (`shared`); `noise` is what differs from image to image.
    """
    rng = np.random.default_rng(seed)
    common = shared * rng.normal(size=(expressions, DIM))
    features, labels, owners = [], [], []
    for person in range(persons):
        looks = rng.normal(size=DIM)
        for expression in rng.permutation(expressions)[:takes]:
            own_way = 0.5 * rng.normal(size=DIM)
            features.append(looks + own_way + common[expression] + noise * rng.normal(size=(images, DIM)))
            labels += [expression] * images
            owners += [person] * images
    return Images(np.concatenate(features), np.array(labels), np.array(owners))


def nearest_neighbour_accuracy(data: Images, test: np.ndarray) -> float:
    """Accuracy on the images of the mask `test` by the label of the most similar one of the others."""
    distances = ((data.features[test][:, None] - data.features[~test][None]) ** 2).sum(axis=2)
    return float((data.expressions[~test][distances.argmin(axis=1)] == data.expressions[test]).mean())


def random_split(data: Images, share: float, seed: int = 0) -> np.ndarray:
    """A mask of a random `share` of the images."""
    order = np.random.default_rng(seed).permutation(len(data.persons))
    return order < share * len(order)


def person_split(data: Images, share: float) -> np.ndarray:
    """A mask of all images of a `share` of the persons."""
    return data.persons < share * (data.persons.max() + 1)


def persons_in_both(data: Images, test: np.ndarray) -> float:
    """Share of the tested images whose person is among the others too."""
    return float(np.isin(data.persons[test], data.persons[~test]).mean())
