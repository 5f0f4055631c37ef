"""The table of published files, its names on the command lines, and what python -m models.fetch refuses."""

import importlib.util
from pathlib import Path

import pytest

import main
from engine.checkpoints.published_names import replace_published
from engine.config.recipes import DATA_TYPES
from engine.errors import UsageError
from models.fetch import __main__ as command
from models.files.published_files import FILES, LABEL_ORDERS
from models.files.weights import IR50_FILE, MOBILEFACENET_FILE


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_files_lie_where_the_program_looks_for_them():
    assert {file.path for file in FILES.values() if not file.data_type} == {
        Path("models/pretrain") / name for name in (IR50_FILE, MOBILEFACENET_FILE)
    }
    networks = [file.data_type for file in FILES.values() if file.data_type]
    assert networks == list(LABEL_ORDERS) and all(DATA_TYPES[name].label_order == LABEL_ORDERS[name] for name in networks)
    assert len({file.drive_id for file in FILES.values()}) == len(FILES)


@pytest.mark.parametrize("name", ["published:rafdb", "published:poster_v2-rafdb"])
def test_a_name_stands_for_file_and_label_order(name):
    path = FILES["poster_v2-rafdb"].path
    path.parent.mkdir(parents=True)
    path.touch()
    assert replace_published({"evaluate": name}) == {"evaluate": str(path), "data_type": "RAF-DB"}
    assert replace_published({"evaluate": "best.pth", "seed": 1}) == {"evaluate": "best.pth", "seed": 1}
    with pytest.raises(UsageError, match=r"--data_type CAER-S: .* has RAF-DB's label order; leave --data_type out"):
        replace_published({"evaluate": name, "data_type": "CAER-S"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("published:vgg", "--evaluate published:vgg: unknown published network; known: published:rafdb, published:affectnet7"),
        ("published:ir50", "unknown published network"),
        ("published:", "unknown published network"),
        ("published:caers", "python -m models.fetch poster_v2-caers downloads it"),
    ],
)
def test_an_unknown_name_or_a_file_not_fetched_is_one_line(name, words, capsys):
    assert main.main(["--evaluate", name, "--data", "data"]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name the files to download"),
        (["vgg"], "vgg: unknown file; known: ir50, "),
        (["ir50", "--list"], "or give --list alone"),
        (["ir50"], f"python -m pip install -r requirements-extras.txt; or fetch by hand: {FILES['ir50'].link}"),
    ],
)
def test_wrong_usage_and_a_missing_package_are_one_line(arguments, words, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "gdown" else found(name, *more))
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and words in error and error.count("\n") == 1 and not list(Path().iterdir())


def test_the_list_needs_neither_gdown_nor_network(capsys):
    assert command.main(["--list"]) == 0
    said = capsys.readouterr().out
    assert said.count("not here") == len(FILES) and all(file.link in said for file in FILES.values())
