"""audit.html is one well-formed page that loads nothing; audit.json is read back; names of any kind are harmless."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from data_preprocessing.audit.command import audit as examine
from data_preprocessing.audit.command import main
from data_preprocessing.audit.report import _SHOWN_PAIRS, find_verdict, render, write_report
from tests.data_preprocessing.audit.audit_files import SUBJECT, audit, make_set
from tests.html_pages import Page


@pytest.fixture
def faces(tmp_path, make_faces) -> Path:
    """A data set with a near copy across splits, a class that test lacks, and a broken image."""
    root = make_faces(tmp_path / "set", {"train": {"a": 3, "b": 3, "c": 1}, "test": {"a": 2, "b": 2}}, (80, 60))
    Image.open(root / "train/a/0.png").save(root / "test/a/copy.jpg", quality=60)
    (root / "test/b/broken.png").write_bytes(b"broken")
    return root


def page(root: Path, subject_regex: str | None = None) -> Page:
    return Page(render(audit(root, subject_regex), root, root))


def test_page_says_what_was_found(faces):
    found = page(faces)
    assert "leakage." in found.text and "1 of 6 images of test has a near copy" in found.text
    assert "test/b/broken.png" in found.text and "test lacks c" in found.text
    assert {"train/a/0.png", "test/a/copy.jpg"} == {image["alt"] for image in found.all("img")}


def test_page_is_usable_by_all_and_loads_nothing(faces):
    found = page(faces)
    assert found.all("html")[0]["lang"] == "en" and found.all("title") and found.all("h1")
    assert "width=device-width" in next(m["content"] for m in found.all("meta") if m.get("name") == "viewport")
    assert found.all("table") and len(found.all("caption")) == len(found.all("table"))
    [chart] = found.all("svg")
    assert chart["role"] == "img" and chart["aria-label"]
    for name in ("script", "link", "iframe", "object", "form", "a", "base"):
        assert not found.all(name)
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,"), tag
        assert "href" not in attributes and "style" not in attributes
    source = render(audit(faces), faces, faces)
    assert "http:" not in source and "https:" not in source and "url(" not in source and "@import" not in source
    assert "prefers-color-scheme: dark" in source


def test_chart_shows_the_share_of_each_class_in_each_split(faces):
    bars = [bar for bar in page(faces).all("rect") if bar["height"] == "10"]
    widths = [(bar["class"], float(bar["width"])) for bar in bars]
    shares = [("train", 3 / 7), ("test", 3 / 6), ("train", 3 / 7), ("test", 3 / 6), ("train", 1 / 7), ("test", 0)]
    assert [name for name, _ in widths] == [name for name, _ in shares]
    assert [width for _, width in widths] == pytest.approx([235 * share * 2 for _, share in shares], abs=0.06)


def test_number_of_thumbnails_is_bounded(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": {"a": 30, "b": 1}, "test": {"a": 1, "b": 1}}, (300, 300))
    for k in range(30):
        Image.open(root / f"train/a/{k}.png").save(root / f"test/a/{k}.jpg")
    text = render(audit(root), root, root)
    assert len(Page(text).all("img")) == 2 * _SHOWN_PAIRS
    assert max(int(image["width"]) for image in Page(text).all("img")) == 120
    assert len(text) / (2 * _SHOWN_PAIRS) * (2 * _SHOWN_PAIRS * 9) < 5e6


STRANGE = [
    "<script>alert(1)</script>".replace("/", "∕"),
    '"><img src=x onerror=alert(1)>',
    "a & b",
    unicodedata.normalize("NFD", "기쁨"),
]


@pytest.mark.parametrize("name", STRANGE)
def test_names_of_files_classes_and_subjects_are_escaped(tmp_path, make_faces, name):
    root = make_faces(tmp_path / name, {"train": {name: 1, "b": 1}, "test": {name: 1, "b": 1}})
    for split in ("train", "test"):
        (root / split / name / "0.png").rename(root / split / name / f"{name}.png")
    Image.open(root / "train" / name / f"{name}.png").save(root / "test" / name / f"{name}.jpg")
    (root / "test" / name / f"{name}.bmp").write_bytes(b"broken")
    assert main([str(root), "--subject-regex", ".+(?=\\.)"]) == 0
    found = Page((root / "audit.html").read_text(encoding="utf-8"))
    assert not found.all("script") and all("onerror" not in image for image in found.all("img"))
    assert len(found.all("img")) == 2 and f"test/{name}/{name}.jpg" in found.text
    assert unicodedata.normalize("NFC", name) in found.text


def test_file_names_that_are_no_utf8_are_shown_by_their_bytes(faces, capfd):
    name = os.fsdecode(b"\xff\xfe.jpg")
    (faces / "test/a/copy.jpg").rename(faces / "test/a" / name)
    assert main([str(faces)]) == 0
    assert json.loads((faces / "audit.json").read_text())["pairs"]["across_splits"][0]["b"] == f"test/a/{name}"
    found = Page((faces / "audit.html").read_text(encoding="utf-8"))
    assert "test/a/\\udcff\\udcfe.jpg" in found.text and len(found.all("img")) == 2
    root = faces.rename(faces.parent / os.fsdecode(b"set\xff"))
    assert main([str(root)]) == 0 and main([str(root) + "x"]) == 2
    assert "set\\udcff" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["html", "csv", "json"])
def test_all_files_or_none(faces, tmp_path, monkeypatch, name):
    real = open

    def full(file, *arguments, **named):
        if f"audit.{name}" in str(file):
            raise OSError(28, "No space left on device")
        return real(file, *arguments, **named)

    monkeypatch.setattr("builtins.open", full)
    monkeypatch.setattr("io.open", full)
    with pytest.raises(OSError):
        write_report(*examine(faces), faces, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_verdict_is_found_where_there_is_leakage_alone(faces):
    assert find_verdict(faces) is None
    main([str(faces)])
    warning = find_verdict(faces)
    assert "leakage" in warning and "1 of 6 images of test" in warning and "\n" not in warning
    (faces / "test/a/copy.jpg").unlink()
    main([str(faces)])
    assert find_verdict(str(faces)) is None


def test_verdict_names_the_command_that_leaves_the_copies_out(faces):
    main([str(faces)])
    command = f"python -m data_preprocessing.prepare folder --source {faces} --out {faces}-clean --size 0 --format same"
    assert find_verdict(faces).endswith(f"To leave the copies out: {command} --without {faces / 'audit.csv'}")
    assert f"{command} --without {faces / 'audit.csv'}" in Page((faces / "audit.html").read_text()).text


def test_few_people_in_test_are_told_beside_the_verdict_and_again_by_its_reader(tmp_path, make_image, capsys):
    for number, few in ((1, "1 person: a claim about new people rests on this one"), (9, "9 people"), (10, "")):
        root = make_set(tmp_path / str(number), make_image, {"train": 2, "test": number})
        assert main([str(root), "--subject-regex", SUBJECT, "--strict"]) == 0
        said = f"The test split shows only {few}"
        assert "supported: Yes" in (out := capsys.readouterr().out) and (said in out) == bool(few)
        assert (said in (root / "audit.html").read_text()) == bool(few)
        assert (find_verdict(root) or "").startswith(f"audit.json: {said}" * bool(few)) and bool(find_verdict(root)) == bool(
            few
        )


LEAKAGE = {"format": 1, "verdict": "leakage", "text": "No:\nmany."}


def test_verdict_is_one_line(tmp_path):
    (tmp_path / "audit.json").write_text(json.dumps(LEAKAGE))
    assert find_verdict(tmp_path) == "audit.json: leakage. No: many."


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'"leakage"', b"\xff\xfe", b"[" * 100_000, b"{}",
        json.dumps(LEAKAGE | {"verdict": "supported"}).encode(), json.dumps(LEAKAGE | {"text": 3}).encode(),
        json.dumps(LEAKAGE | {"format": 99}).encode(), json.dumps(LEAKAGE).encode()[:-1],
    ],
)  # fmt: skip
def test_broken_audit_is_ignored(tmp_path, content):
    (tmp_path / "audit.json").write_bytes(content)
    assert find_verdict(tmp_path) is None


def test_audit_that_cannot_be_read_is_ignored(tmp_path):
    (tmp_path / "audit.json").mkdir()
    assert find_verdict(tmp_path) is None
    assert find_verdict(tmp_path / "nowhere") is None
