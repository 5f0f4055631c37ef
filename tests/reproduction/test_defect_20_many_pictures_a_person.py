"""20. The AI Hub study's 100 % and 99.58 % come from a small random split of a set with many images per person: the
split alone can give them, whatever the model has learnt.
"""

import hashlib
from pathlib import Path

from data_preprocessing.synthetic.command import write_synthetic
from tests.reproduction.appearance import nearest_neighbour_accuracy, person_split, persons_in_both, photograph, random_split


def test_recognising_the_person_suffices_under_a_random_split():
    # the study's three expressions, every person in all of them many times
    images = photograph(persons=40, takes=3, images=25, expressions=3, noise=0.25)
    by_image, by_person = random_split(images, 0.1), person_split(images, 0.1)
    assert nearest_neighbour_accuracy(images, by_image) > 0.99
    assert nearest_neighbour_accuracy(images, by_person) < 0.55  # chance is 1 in 3
    assert persons_in_both(images, by_image) == 1 and persons_in_both(images, by_person) == 0


def test_the_data_that_we_split_ourselves_shares_neither_person_nor_image(tmp_path):
    people = {"train": 3, "valid": 1, "test": 1}
    faces = write_synthetic(tmp_path / "faces", people=people, views=5, size=32)
    files = {split: sorted(Path(faces, split).rglob("*.png")) for split in people}
    owners = [{path.name.split("_")[0] for path in files[split]} for split in people]
    contents = [{hashlib.sha256(path.read_bytes()).hexdigest() for path in files[split]} for split in people]
    for facts in (owners, contents):
        assert len(set.union(*facts)) == sum(len(part) for part in facts)
    assert min(len(files[split]) / len(names) for split, names in zip(people, owners)) == 15  # many images per person
