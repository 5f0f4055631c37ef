"""Archives that are damaged, lie about what they hold, or unpack to much."""

import bz2
import gzip
import lzma
import random
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocessing.common.errors import DataError, one_line
from data_preprocessing.sources import archives
from data_preprocessing.sources.trees import open_tree
from tests.fuzz.hostile import assert_one_line, cases, limited, mutated, outcome, silent
from tests.fuzz.tree_files import FILES, IMAGE, planted, read_tree, tarred, zipped

ARCHIVED = {
    "x.zip": zipped(),
    "stored.zip": zipped(method=zipfile.ZIP_STORED),
    "bz2.zip": zipped(method=zipfile.ZIP_BZIP2),
    "xz.zip": zipped(method=zipfile.ZIP_LZMA),
    "gnu.tar": tarred(),
    "pax.tar": tarred({f"{'é' * 90}/{name}": data for name, data in FILES.items()}, tarfile.PAX_FORMAT),
    "x.tar.gz": gzip.compress(tarred(), mtime=0),
    "x.tar.bz2": bz2.compress(tarred()),
    "x.tar.xz": lzma.compress(tarred()),
}


@pytest.mark.parametrize("name", ARCHIVED)
def test_the_sample_archives_are_good(tmp_path, name):
    (tmp_path / name).write_bytes(ARCHIVED[name])
    tree = open_tree(tmp_path / name)
    assert [tree.read(file) for file in tree.names()] == [IMAGE] * len(FILES)


def with_right_sums(data: bytes) -> bytes:
    """A damaged tar whose headers' checksums fit again."""
    blocks = [bytearray(data[k : k + 512]) for k in range(0, len(data), 512)]
    for block in blocks:
        if len(block) == 512 and block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


@cases(16)
@given(st.sampled_from(sorted(ARCHIVED)), st.integers(0, 2**32), st.booleans())
def test_a_damaged_archive_is_read_or_refused_in_one_line(name, seed, mend):
    data = ARCHIVED[name]
    if name.endswith(".tar") and mend:
        place = 512 * random.Random(seed).randrange(len(data) // 512)  # a header, more often than not
        data = with_right_sums(data[:place] + mutated(data[place : place + 512], seed) + data[place + 512 :])
    else:
        data = mutated(data, seed)
    with tempfile.TemporaryDirectory() as folder, silent():
        path = Path(folder, name)
        path.write_bytes(data)
        outcome(read_tree, path)


def header(name: str, size: int, kind: bytes = b"0", **fields) -> bytes:
    """A tar's header that says so."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    for field, value in fields.items():
        setattr(member, field, value)
    return member.tobuf(tarfile.GNU_FORMAT)


def pax(**records: str) -> bytes:
    """Extended headers of a tar before the one that they change."""
    body = b"".join(tarfile.TarInfo._create_pax_generic_header({k: v}, tarfile.XHDTYPE, "utf-8") for k, v in records.items())
    return body


def sparse(name: str) -> bytes:
    """A file of 1 TB with 512 bytes in it, as GNU tar stores such."""
    head = bytearray(header(name, 512, tarfile.GNUTYPE_SPARSE))
    head[386:410] = b"%011o\0%011o\0" % (0, 512)
    head[483:495] = tarfile.itn(2**40, 12, tarfile.GNU_FORMAT)
    return bytes(head) + bytes(512)


TARS = {  # content, words of the reason
    "an entry of negative size": (header("a/1.png", -1024) + header("a/2.png", 0), "size is absurd"),
    "an entry of negative size by its extended header": (pax(size="-1536") + header("a/1.png", 0) + bytes(1024), "absurd"),
    "an entry larger than the archive": (header("a/1.png", 2**40) + bytes(1024), "unexpected end of data"),
    "an extended header larger than the archive": (header("x", 2**33 - 1, tarfile.XHDTYPE) + bytes(1024), "size is absurd"),
    "an extended header of negative size": (header("x", -512, tarfile.XHDTYPE) + bytes(1024), "size is absurd"),
    "a chain of extended headers": (pax(path="x") * 3000 + header("a/1.png", 0), "recursion"),
    "a header cut short": (header("a/1.png", 0) + header("a/2.png", 0)[:300], "truncated header"),
    "a damaged header": (header("a/1.png", 0) + header("a/2.png", 0).replace(b"2.png", b"3.png"), "bad checksum"),
    "a file with holes": (sparse("a/1.png") + bytes(1024), "stored with holes"),
    "an absolute path": (header("/etc/x.png", 0) + bytes(1024), "would leave the folder"),
    "an endless name": (tarred({"a/" * 3000 + "x.png": b""}), "a name of 6005 characters"),
}


@pytest.mark.parametrize("name", TARS)
def test_tars_that_lie_are_refused(tmp_path, name):
    path, (data, words) = tmp_path / "x.tar", TARS[name]
    path.write_bytes(data if words in ("bad checksum", "truncated header") else with_right_sums(data))
    with limited(), pytest.raises(DataError, match=words) as caught:
        open_tree(path)
    assert_one_line(one_line(caught.value))
    assert str(path) in str(caught.value)


def test_a_zip_whose_entries_unpack_to_much_is_read_no_further_than_a_image_goes(tmp_path):
    bomb = zipped({"a/1.png": bytes(2**28), "b/1.png": IMAGE})
    place = bomb.index(b"PK\x01\x02") + 24  # the size in the list of entries
    lying = bomb[:place] + struct.pack("<I", 1000) + bomb[place + 4 :]
    for name, data, words in (("bomb.zip", bomb, "268 MB; at most 134 are read"), ("lying.zip", lying, "Bad CRC-32")):
        (tmp_path / name).write_bytes(data)
        tree = open_tree(tmp_path / name)
        with limited(), pytest.raises(DataError, match=words):
            tree.read("a/1.png")
        assert tree.read("b/1.png") == IMAGE


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_tar_that_unpacks_to_much_is_given_up_and_leaves_nothing(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    monkeypatch.setattr(archives, "_LEAST_BOMB", 2**22)
    (tmp_path / "temp").mkdir()
    (tmp_path / "x.tar.gz").write_bytes(pack(tarred() + bytes(2**25)))
    with limited(), pytest.raises(DataError, match=r"x\.tar\.gz: unpacks to more than 0 GB, absurdly much"):
        open_tree(tmp_path / "x.tar.gz")
    assert not list((tmp_path / "temp").iterdir())


def test_an_archive_in_an_archive_is_not_opened(tmp_path):
    inner = zipped()
    for _ in range(50):
        inner = zipped({"x.zip": inner})
    planted(tmp_path, {"d/joy/1.png": IMAGE, "d/sad/1.png": IMAGE, "d/x.zip": inner})
    with limited():
        assert open_tree(tmp_path / "d").names() == ["joy/1.png", "sad/1.png", "x.zip/x.zip"]
