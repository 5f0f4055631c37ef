"""Reading folders, zips and tars alike, their names in any encoding, and archives that are refused."""

import gc
import io
import os
import pickle
import tarfile
import tempfile
import unicodedata
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.prepare.prepare_files import write_files

FILES = {"a/1.txt": b"one", "a/b/2.txt": b"two" * 5000, "c.txt": b""}


def zipped(path: Path, files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes] = FILES, mode: str = "w", **options) -> Path:
    with tarfile.open(path, mode, **options) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def read_all(tree) -> dict[str, bytes]:
    return {name: tree.read(name) for name in tree.names()}


def unflagged(path: Path, raw: bytes) -> Path:
    """A zip with one file whose name is `raw`, not marked as UTF-8."""
    data = zipped(path, {"x" * len(raw): b"data"}).read_bytes()
    path.write_bytes(data.replace(b"x" * len(raw), raw))
    return path


@pytest.fixture(params=["folder", "zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def source(request, tmp_path) -> Path:
    if request.param == "folder":
        return write_files(tmp_path / "folder", FILES)
    if request.param == "zip":
        return zipped(tmp_path / "it.zip")
    return tarred(tmp_path / f"it.{request.param}", mode="w:" + request.param[4:])


def test_first_bytes_are_those_of_the_file_alone(source):
    tree = open_tree(source)
    starts = {name: tree.start(name, 64) for name in tree.names()}
    assert starts == {name: data[:64] for name, data in FILES.items()}


@pytest.mark.parametrize("folder", ["@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", "__MACOSX", "a/.thumbnails"])
def test_folders_of_the_system_are_no_data_in_any_kind(tmp_path, folder):
    files = FILES | {f"{folder}/1.jpg": b"", f"a/{folder}/1.txt/2.jpg": b""}
    for path in (write_files(tmp_path / "folder", files), zipped(tmp_path / "z.zip", files), tarred(tmp_path / "t.tar", files)):
        assert open_tree(path).names() == sorted(FILES)


def test_every_kind_holds_the_same_files(source):
    tree = open_tree(source)
    assert tree.root == source
    assert tree.names() == sorted(FILES)
    assert read_all(tree) == FILES


def test_other_processes_read_a_pickled_tree(source):
    tree = open_tree(source)
    assert read_all(pickle.loads(pickle.dumps(tree))) == FILES
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        assert list(pool.map(tree.read, tree.names())) == [FILES[name] for name in tree.names()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_forked_processes_do_not_share_an_open_archive(tmp_path):
    files = {str(k): bytes([k]) * 300_000 for k in range(20)}
    tree = open_tree(zipped(tmp_path / "it.zip", files, zipfile.ZIP_STORED))
    tree.read("0")

    def read_often() -> None:
        os._exit(0 if all(read_all(tree) == files for _ in range(20)) else 1)

    processes = [get_context("fork").Process(target=read_often) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


def test_archives_in_a_folder_are_looked_into(tmp_path):
    write_files(tmp_path, {"plain.txt": b"p", "sub/x.txt": b"x"})
    zipped(tmp_path / "joy.ZIP", {"a/b.jpg": b"z"})
    tarred(tmp_path / "sub" / "sad.tar.gz", {"./c.jpg": b"t"}, "w:gz")
    expected = {"joy.ZIP/a/b.jpg": b"z", "plain.txt": b"p", "sub/sad.tar.gz/c.jpg": b"t", "sub/x.txt": b"x"}
    assert read_all(open_tree(tmp_path)) == expected


def test_an_archive_beside_its_folder_is_unpacked_already(tmp_path):
    zipped(tmp_path / "joy.zip", {"a.jpg": b"z"})
    tarred(tmp_path / "sad.tar.gz", {"a.jpg": b"z"}, "w:gz")
    write_files(tmp_path, {"joy/a.jpg": b"z", "sad/a.jpg": b"z"})
    assert open_tree(tmp_path).names() == ["joy/a.jpg", "sad/a.jpg"]


def test_hidden_files_and_macos_leavings_are_left_out(tmp_path):
    hidden = {".DS_Store": b"", "a/._1.jpg": b"", "__MACOSX/a/1.jpg": b"", ".git/x": b"", "a/1.jpg": b"1"}
    assert open_tree(zipped(tmp_path / "it.zip", hidden)).names() == ["a/1.jpg"]
    assert open_tree(write_files(tmp_path / "d", hidden)).names() == ["a/1.jpg"]


def test_linked_folders_are_followed_once(tmp_path):
    write_files(tmp_path, {"real/1.txt": b"1", "tree/x.txt": b"x"})
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to(tmp_path / "tree")
    assert open_tree(tmp_path / "tree").names() == ["link/1.txt", "x.txt"]


@pytest.mark.parametrize("name", ["기쁨/당황.jpg", "plain.jpg", "é.jpg"])
def test_names_of_zips_are_nfc_whatever_their_encoding(tmp_path, name):
    decomposed = unicodedata.normalize("NFD", name)
    assert open_tree(zipped(tmp_path / "flagged.zip", {decomposed: b"data"})).names() == [name]
    raws = [decomposed.encode(), name.encode()] + ([name.encode("cp949")] if name[0] != "é" else [])
    for raw in raws:
        assert read_all(open_tree(unflagged(tmp_path / "it.zip", raw))) == {name: b"data"}


def test_a_name_in_no_known_encoding_stays_as_python_reads_it(tmp_path):
    assert open_tree(unflagged(tmp_path / "it.zip", "é.jpg".encode("cp437"))).names() == ["é.jpg"]


def test_names_of_tars_and_folders_are_nfc_and_may_be_cp949(tmp_path):
    decomposed = unicodedata.normalize("NFD", "기쁨.jpg")
    assert open_tree(tarred(tmp_path / "u.tar", {decomposed: b"1"})).names() == ["기쁨.jpg"]
    assert read_all(open_tree(tarred(tmp_path / "k.tar", {"기쁨.jpg": b"1"}, encoding="cp949", format=tarfile.GNU_FORMAT))) == {
        "기쁨.jpg": b"1"
    }
    folder = write_files(tmp_path / "d", {decomposed: b"2"})
    with open(os.path.join(os.fsencode(folder), "슬픔".encode("cp949")), "wb"):
        pass
    assert open_tree(folder).names() == ["기쁨.jpg", "슬픔"]


def test_two_unicode_forms_of_a_name_in_one_folder_are_refused(tmp_path):
    write_files(tmp_path, {unicodedata.normalize(form, "é.jpg"): b"" for form in ("NFC", "NFD")})
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system knows one form only")
    with pytest.raises(DataError, match=r"two files are called é\.jpg, in two Unicode forms; remove one"):
        open_tree(tmp_path)


def test_backslashes_of_windows_zips_are_folders(tmp_path):
    assert open_tree(zipped(tmp_path / "it.zip", {"a\\b.jpg": b"1"})).names() == ["a/b.jpg"]


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:/x.jpg", "c:x.jpg", "..\\x.jpg"])
def test_entries_that_would_leave_the_folder_are_refused(tmp_path, name):
    archives = [zipped(tmp_path / "it.zip", {name: b"1"})]
    archives += [tarred(tmp_path / "it.tar", {name: b"1"})] * ("\\" not in name)
    for archive in archives:
        with pytest.raises(DataError, match="would leave the folder; do not use this archive") as caught:
            open_tree(archive)
        assert str(archive) in str(caught.value)


def test_links_and_devices_in_a_tar_are_passed_over(tmp_path):
    path = tarred(tmp_path / "it.tar", {"a.jpg": b"1"})
    with tarfile.open(path, "a") as archive:
        for name, kind in (("s", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("dev", tarfile.CHRTYPE), ("dir", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert open_tree(path).names() == ["a.jpg"]


def test_of_two_entries_with_one_name_the_later_counts(tmp_path):
    path = tarred(tmp_path / "it.tar", {"a.jpg": b"old"})
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"new"))
    assert read_all(open_tree(path)) == {"a.jpg": b"new"}


def test_missing_broken_and_other_files_are_named(tmp_path):
    with pytest.raises(DataError, match="absent: no such folder or archive"):
        open_tree(tmp_path / "absent")
    whole_zip, whole_tgz = zipped(tmp_path / "it.zip").read_bytes(), tarred(tmp_path / "it.tgz", mode="w:gz").read_bytes()
    broken = {"empty.zip": b"", "cut.zip": whole_zip[:-30], "cut.tgz": whole_tgz[:-20], "text.csv": b"emotion,pixels\n" * 100}
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=rf"{name}: no archive, or a broken one \(.+\); readable are \.zip"):
            open_tree(tmp_path / name)
    write_files(tmp_path / "d", {"cut.zip": broken["cut.zip"]})
    with pytest.raises(DataError, match=r"d/cut\.zip: no archive, or a broken one"):
        open_tree(tmp_path / "d")


def test_a_zip_with_a_password_is_refused(tmp_path):
    path = zipped(tmp_path / "it.zip", {"a.jpg": b"1"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"it\.zip: wants a password; unpack it"):
        open_tree(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = zipped(tmp_path / "it.zip", {"a.jpg": b"1" * 100})
    path.write_bytes(path.read_bytes().replace(b"a.jpg", b"b.jpg", 1))  # its own header disagrees with the list of files
    with pytest.raises(DataError, match=r"it\.zip: a\.jpg: cannot be read \(.+\)"):
        open_tree(path).read("a.jpg")
    tree = open_tree(write_files(tmp_path / "d", FILES))
    (tmp_path / "d" / "c.txt").unlink()
    with pytest.raises(DataError, match=r"d: c\.txt: cannot be read \(No such file"):
        tree.read("c.txt")
    with pytest.raises(DataError, match=r"d: no file x\.txt"):
        tree.read("x.txt")


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path, monkeypatch):
    write_files(tmp_path, FILES)
    real = os.scandir

    def scandir(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"a/b: cannot be read \(Permission denied\)"):
        open_tree(tmp_path)


def test_the_temporary_file_of_a_compressed_tar_goes_with_the_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    tree = open_tree(tarred(tmp_path / "it.tgz", mode="w:gz"))
    copy = pickle.loads(pickle.dumps(tree))
    assert len(list((tmp_path / "temp").iterdir())) == 1
    del copy
    gc.collect()
    assert read_all(tree) == FILES
    del tree
    gc.collect()
    assert not list((tmp_path / "temp").iterdir())
    with pytest.raises(DataError):
        open_tree(tarred(tmp_path / "bad.tgz", {"../x": b""}, "w:gz"))
    assert not list((tmp_path / "temp").iterdir())
