"""Small trees in a data set's layout, and looking at what a reader makes of them."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.records import Listing
from data_preprocessing.sources.trees import open_tree


def png(seed: int = 0) -> bytes:
    """A small generated image as a PNG file."""
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(data, "png")
    return data.getvalue()


def plant(root: Path, *images: str, **texts: str | bytes) -> Path:
    """Files below `root`: images, and other files of the names and contents in `texts`; returns root."""
    for name, content in {**{name: png(k) for k, name in enumerate(images)}, **texts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def pack(path: Path, *images: str, **texts: str | bytes) -> Path:
    """A zip at `path` with the files that plant() would write; returns path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**{name: png(k) for k, name in enumerate(images)}, **texts}.items():
            archive.writestr(name, content)
    return path


def listing(reader, root: Path, **options) -> Listing:
    """What the reader module reads of `root`, every source checked: unique, and of a file that can be read."""
    tree = open_tree(root)
    found = reader.read(tree, SimpleNamespace(**options))
    sources = [record.source for record in found.records]
    assert len(set(sources)) == len(sources) and found.tree is tree
    assert all(record.pixels or tree.read(record.source) for record in found.records)
    assert all(len(note.splitlines()) == 1 for note in found.notes)
    return found


def labels(found: Listing) -> dict[str, str]:
    """source -> label of every record."""
    return {record.source: record.label for record in found.records}


def note(found: Listing, part: str) -> str:
    """The one note that contains `part`."""
    (text,) = (text for text in found.notes if part in text)
    return text


def failure(reader, root: Path, **options) -> str:
    """The message of the DataError that reading raises: one line that names the root."""
    with pytest.raises(DataError) as caught:
        listing(reader, root, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and len(message) < 500 and str(root) in message
    return message
