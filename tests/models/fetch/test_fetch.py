"""python -m models.fetch, against a server on 127.0.0.1 that plays Google Drive."""

import io
import json
from pathlib import Path

import pytest
import torch

import main
from models import create_model
from models.fetch import __main__ as command
from models.fetch import download
from models.files.published_files import FILES
from models.parts.mobilefacenet import MobileFaceNet
from tests.drive_server import serving
from tests.published import published_state

requests = pytest.importorskip("requests")
pytest.importorskip("gdown")
NAME = "mobilefacenet"
FILE = FILES[NAME]
RECORD = Path("models/pretrain/fetched.json")


def stored(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def published():
    """The landmark backbone's file as its authors store it."""
    return stored({"state_dict": MobileFaceNet().state_dict()})


@pytest.fixture
def drive(published, tmp_path, monkeypatch):
    """A server that has the file; what goes to Google's names goes there, any other address is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "RETRIES", 0)
    with serving() as drive:
        drive.files[FILE.drive_id] = published
        send = requests.Session.send

        def send_here(session, request, **options):
            for host in ("drive.google.com", "drive.usercontent.google.com"):
                request.url = request.url.replace(f"https://{host}/", f"http://127.0.0.1:{drive.port}/")
            assert request.url.startswith("http://127.0.0.1:")
            return send(session, request, **options)

        monkeypatch.setattr(requests.Session, "send", send_here)
        yield drive


def fetch(*names: str) -> int:
    return command.main(list(names))


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["file", "confirm"])
def test_a_file_comes_whole_and_a_second_call_downloads_nothing(mode, drive, published, capsys):
    drive.mode = mode
    assert fetch(NAME) == 0
    assert FILE.path.read_bytes() == published and files() == {str(FILE.path), str(RECORD)}
    assert "fetched (" in capsys.readouterr().out and "sha256" in json.loads(RECORD.read_text())[FILE.path.name]
    assert fetch(NAME) == 0 and len(drive.ranges) == 1
    assert "is there" in capsys.readouterr().out
    assert not list(Path(FILE.path.parent).glob(".fetching"))


@pytest.mark.parametrize(
    ("mode", "words"), [("quota", "Too many users have viewed or downloaded this file recently"), ("page", "is a web page")]
)
def test_a_page_instead_of_the_file_is_one_line_with_the_link_and_leaves_nothing(mode, words, drive, capsys):
    drive.mode = mode
    assert fetch(NAME) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error and FILE.link in error and not files()


def test_a_cut_connection_is_taken_up_by_the_next_call(drive, published, capsys):
    drive.cuts = 1
    assert fetch(NAME) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "the same command goes on" in error and not FILE.path.exists()
    assert fetch(NAME) == 0 and FILE.path.read_bytes() == published
    assert 0 < int(drive.ranges[-1].removeprefix("bytes=").rstrip("-")) <= len(published) // 2 and files() == {
        str(FILE.path),
        str(RECORD),
    }


def test_a_cut_connection_is_taken_up_within_one_call(drive, published, monkeypatch):
    monkeypatch.setattr(download, "RETRIES", 1)
    drive.cuts = 1
    assert fetch(NAME) == 0 and FILE.path.read_bytes() == published and drive.ranges[-1]


def test_a_file_that_changed_since_it_was_first_fetched_is_refused(drive, published, capsys):
    assert fetch(NAME) == 0
    other = torch.load(io.BytesIO(published), weights_only=True)["state_dict"]
    other = {key: value + 1 if value.is_floating_point() else value for key, value in other.items()}
    drive.files[FILE.drive_id] = stored({"state_dict": other})
    FILE.path.unlink()
    assert fetch(NAME) == 1
    error = capsys.readouterr().err
    assert "has other bytes" in error and str(RECORD) in error and error.count("\n") == 1 and not FILE.path.exists()
    RECORD.write_text("{}")
    assert fetch(NAME) == 0


def test_a_good_file_in_a_folder_that_cannot_be_written_to_is_there(drive, published, monkeypatch, capsys):
    FILE.path.parent.mkdir(parents=True)
    FILE.path.write_bytes(published)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(download, "replacing", refuse)
    assert fetch(NAME) == 0 and not drive.ranges
    told = capsys.readouterr().out
    assert "is there (" in told and "not kept in fetched.json: Permission denied" in told
    assert fetch("--list") == 0 and "WRONG" not in capsys.readouterr().out


def test_a_page_that_was_saved_by_hand_is_named_and_replaced(drive, published, capsys):
    FILE.path.parent.mkdir(parents=True)
    FILE.path.write_text("<!DOCTYPE html><html>Sign in</html>")
    assert fetch("--list") == 1
    assert "WRONG: is not the expected file: is a web page" in capsys.readouterr().out and not drive.ranges
    assert fetch(NAME) == 0 and FILE.path.read_bytes() == published


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"state_dict": {"conv1.weight": torch.zeros(1)}}, "missing"),
        ({"state_dict": {}}, "is no state dict"),
        ([1, 2], "is no"),
    ],
)
def test_another_file_under_the_link_is_refused_and_nothing_replaced(content, words, drive, capsys):
    FILE.path.parent.mkdir(parents=True)
    FILE.path.write_bytes(b"mine, damaged")
    drive.files[FILE.drive_id] = stored(content)
    assert fetch(NAME) == 1
    error = capsys.readouterr().err
    assert words in error and FILE.link in error and error.count("\n") == 1
    assert FILE.path.read_bytes() == b"mine, damaged" and files() == {str(FILE.path)}


def test_one_failure_does_not_keep_the_others_back(drive, capsys):
    assert fetch("ir50", NAME) == 1
    assert FILE.path.exists() and "ir50.pth: not fetched (Cannot retrieve" in capsys.readouterr().err


def test_no_network_is_one_line_with_the_link(drive, monkeypatch, capsys):
    def refused(*_, **__):
        raise requests.exceptions.ConnectionError("name resolution failed")

    monkeypatch.setattr(requests.Session, "send", refused)
    assert fetch(NAME) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "no connection" in error and FILE.link in error and not files()


def test_a_network_is_fetched_by_name_and_evaluated_by_it(drive, make_faces, capsys):
    torch.manual_seed(0)
    model = create_model("poster_v2", 7)
    with torch.no_grad():
        model.VIT.head.linear.bias[3] = 100.0
    file = FILES["poster_v2-rafdb"]
    drive.files[file.drive_id] = stored({"epoch": 3, "state_dict": published_state(model.state_dict())})
    make_faces(Path("data"), {"test": {"happiness": 1, "anger": 1}})
    evaluate = ["--evaluate", "published:rafdb", "--data", "data", "--run", "r"]
    assert main.main(evaluate) == 2
    assert "python -m models.fetch poster_v2-rafdb" in capsys.readouterr().err
    assert fetch("poster_v2-rafdb") == 0 and file.path.is_file()
    assert main.main(evaluate) == 0
    out = capsys.readouterr().out
    assert "RAF-DB's label order" in out and "accuracy 50.00 %" in out  # output 3 is happiness in RAF-DB's order
