"""predictions.csv of faces, written and read while it is written."""

import csv

import numpy as np

from engine.prediction.faces.rows import FaceRow
from engine.prediction.faces.table import FaceTable

CLASSES = ("joy", "슬픔", 'a "b", c')


def rows(file: str, is_of_video: bool, count: int = 3) -> list[FaceRow]:
    generator = np.random.default_rng(1)
    moment = [(7 * k, 0.28 * k) if is_of_video else (None, None) for k in range(count)]
    return [
        FaceRow(
            file,
            *moment[k],
            k + 1,
            3 if is_of_video else None,
            (1.25, -2.0, 30.0, 40.5),
            0.875,
            generator.random(3, np.float32),
        )
        for k in range(count)
    ]


def test_a_row_per_face(tmp_path):
    table = FaceTable(tmp_path / "t.csv", CLASSES)
    table.add(rows("a.jpg", False, 1))
    table.add(rows("b.mp4", True, 2))
    table.close()
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    columns = ["file", "frame", "time_s", "face", "track", "x", "y", "width", "height", "score", "class"]
    assert list(found[0]) == [*columns, "p_joy", "p_슬픔", 'p_a "b", c']
    assert [list(row.values())[:10] for row in found] == [
        ["a.jpg", "", "", "1", "", "1.2", "-2.0", "30.0", "40.5", "0.8750"],
        ["b.mp4", "0", "0.000", "1", "3", "1.2", "-2.0", "30.0", "40.5", "0.8750"],
        ["b.mp4", "7", "0.280", "2", "3", "1.2", "-2.0", "30.0", "40.5", "0.8750"],
    ]
    for row in found:
        values = [float(row[f"p_{name}"]) for name in CLASSES]
        assert row["class"] == CLASSES[int(np.argmax(values))]


def test_what_was_added_since_a_mark_is_read_again_to_the_last_bit(tmp_path):
    table = FaceTable(tmp_path / "t.csv", CLASSES)
    table.add(rows("a.jpg", False))
    mark = table.mark()
    name = 'odd\nname,"x"\udcff.mp4'
    added = rows(name, True)
    table.add(added)
    for _ in range(2):
        found = list(table.rows(mark))
        assert [(row.file, row.frame, row.face, row.track, row.time) for row in found] == [
            (name, row.frame, row.face, 3, row.time) for row in added
        ]
        assert all(np.array_equal(a.probabilities, b.probabilities) for a, b in zip(found, added))
    assert len(list(table.rows(table.mark()))) == 0
    table.close()
