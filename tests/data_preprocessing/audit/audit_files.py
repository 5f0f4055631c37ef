"""A small data set to plant one problem in, for the tests of the audit."""

import csv
from pathlib import Path

from data_preprocessing.audit import command as command

SUBJECT = r"^(s\d+)_"
PEOPLE = {"train": 6, "valid": 3, "test": 3}


def make_set(root: Path, make_image, people: dict[str, int] = PEOPLE) -> Path:
    """root/<split>/{joy,anger}/sNN_<k>.png, one image a class of each person, all different; returns root."""
    person = 0
    for split, count in people.items():
        for label in ("joy", "anger"):
            (root / split / label).mkdir(parents=True)
        for _ in range(count):
            for k, label in enumerate(("joy", "anger")):
                make_image(100 + 2 * person + k, (64, 64)).save(root / split / label / f"s{person:02d}_{k}.png")
            person += 1
    return root


def audit(root: Path, subject_regex: str | None = None) -> dict:
    """The figures of audit.json."""
    return command.audit(root, subject_regex)[0]


def write_manifest(root: Path, subject=lambda path: path.name.split("_")[0], columns=("path", "class", "subject")) -> None:
    rows = [
        {"path": path.relative_to(root).as_posix(), "class": path.parent.name, "subject": subject(path)}
        for path in sorted(root.rglob("*.png"))
    ]
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, columns, extrasaction="ignore").writeheader()
        csv.DictWriter(file, columns, extrasaction="ignore").writerows(rows)
