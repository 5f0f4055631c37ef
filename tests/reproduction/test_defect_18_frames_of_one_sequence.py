"""18. Deep-Emotion on CK+: a random split puts frames of one subject's peak sequence into both train and test, so that
98 % tells of recognising a film strip and not of new people.
"""

from pathlib import Path

import pytest

from data_preprocessing.synthetic.command import write_synthetic
from tests.reproduction.appearance import nearest_neighbour_accuracy, person_split, persons_in_both, photograph, random_split


def test_a_random_split_of_frames_looks_near_perfect_and_a_split_by_subject_does_not():
    # 118 subjects, three sequences each of one of seven expressions, the last three frames of each: almost alike
    frames = photograph(persons=118, takes=3, images=3, expressions=7, noise=0.05)
    by_frame, by_subject = random_split(frames, 0.1), person_split(frames, 0.1)
    assert nearest_neighbour_accuracy(frames, by_frame) > 0.95
    assert nearest_neighbour_accuracy(frames, by_subject) < 0.35  # chance is 1 in 7
    assert persons_in_both(frames, by_frame) > 0.95 and persons_in_both(frames, by_subject) == 0


@pytest.mark.parametrize("vr", [False, True])
def test_the_data_that_we_split_ourselves_has_no_person_in_two_splits(vr, tmp_path):
    people = {"train": 3, "valid": 2, "test": 2}
    faces = write_synthetic(tmp_path / "faces", people=people, views=2, size=32, vr=vr)
    owners = {split: {path.name.split("_")[0] for path in Path(faces, split).rglob("*.png")} for split in people}
    assert {split: len(names) for split, names in owners.items()} == people
    assert len(set.union(*owners.values())) == sum(people.values())
