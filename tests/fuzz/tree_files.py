"""Folders and archives of a small data set, with odd things in them, and reading them as the programs do."""

import io
import os
import random
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from data_preprocessing.readers import READERS
from data_preprocessing.sources.folders import check_images
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.trees import open_tree
from tests.fuzz.hostile import outcome
from tests.fuzz.picture_files import samples

IMAGE = samples()["png L"]
FILES = {f"{split}/{name}/{k}.png": IMAGE for split in ("train", "valid") for name in ("joy", "sad") for k in range(2)}
NAMES = [
    b"joy", b"sad", b"\xff\xfe", b"a\nb", b"\xb1\xe2\xbb\xdd", b"x" * 250, "é".encode(), b"e\xcc\x81", b" ", b"-rf", b"%s",
    b"\xe2\x80\xae", b"con", b"train", b".hidden", b"__MACOSX", b"a\\b", b"x.jpg", b"y.zip", b"list_patition_label.txt",
]  # fmt: skip
KINDS = ["picture", "picture", "picture", "empty", "folder", "fifo", "socket", "dangling", "circle", "to parent", "zip", "tar"]


def planted(root: Path, content: dict[str, bytes] = FILES) -> Path:
    for name, data in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(content: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return target.getvalue()


def tarred(content: dict[str, bytes] = FILES, format: int = tarfile.GNU_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=format) as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def put(folder: Path, kind: str, name: str) -> None:
    """Something of this kind called so in `folder`, unless something is."""
    path = folder / name
    if path.exists() or path.is_symlink():
        return
    if kind in ("picture", "empty", "zip", "tar"):
        if kind == "picture":
            path = path.with_name(name[:200] + ".png")
        path.write_bytes({"picture": IMAGE, "empty": b"", "zip": zipped(), "tar": tarred()}[kind])
    elif kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server, inside(folder):
            if len(os.fsencode(name)) < 100:
                server.bind(os.fsencode(name))
    else:
        path.symlink_to({"dangling": "nowhere", "circle": name, "to parent": ".."}[kind])


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """With this folder as the working directory."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def grown(root: Path, seed: int) -> None:
    """A few odd things in the folders of a data set."""
    draw = random.Random(seed)
    for _ in range(draw.randrange(1, 7)):
        folders = [root, *(path for path in sorted(root.rglob("*")) if path.is_dir() and not path.is_symlink())]
        put(draw.choice(folders), draw.choice(KINDS), os.fsdecode(draw.choice(NAMES)))


def read_splits(root: Path) -> None:
    """What main.py does with --data before it trains; images that are not told of must have been read."""
    for name, read in open_source(root).items():
        split = read()
        assert all(label.encode() for label in split.classes), name
        check_images(split, skip_bad=True)


def read_tree(path: Path, name: str = "folder") -> None:
    """What prepare does with --source, every file read."""
    tree = open_tree(path)
    for file in tree.names():
        file.encode()
        outcome(tree.read, file)
    READERS[name].read(tree, SimpleNamespace(num_classes=7, label="majority", neutral=True, subject_regex=None))
