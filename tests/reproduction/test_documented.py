"""REPRODUCTION.md has a row for every defect, and every row a test."""

import re
from pathlib import Path

HERE = Path(__file__).parent
DEFECTS = range(1, 27)


def test_every_defect_has_a_row_and_a_test():
    text = (HERE.parents[1] / "REPRODUCTION.md").read_text(encoding="utf-8")
    section = text.split("## Defects of the published code")[1].split("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if re.match(r"\| \d+ \|", line)
    ]
    assert [int(row[0]) for row in rows] == [*DEFECTS]
    assert all(len(row) == 5 and all(row) for row in rows)
    assert [int(path.name.split("_")[2]) for path in sorted(HERE.glob("test_defect_*.py"))] == [*DEFECTS]
