"""What a file is that was saved or downloaded in place of weights, known by how it begins, with the remedy."""

import re

from models.errors import WeightsError
from models.files.wording import readable, some

BEGINNING = 4096  # bytes that are looked at
_TAR = (257, b"ustar")
_POINTER = b"version https://git-lfs.github.com/spec/"
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_OTHER = {
    b"\x89HDF\r\n": "an HDF5 file, as Keras writes them",
    b"\x93NUMPY": "a NumPy array",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
}
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,200})", re.I)


def require_no_other(start: bytes) -> None:
    """Raises WeightsError where a file that begins with `start` (at most BEGINNING bytes) is known and holds no weights."""
    if start[_TAR[0] :].startswith(_TAR[1]):
        raise WeightsError("is a tar archive, not a file of weights; unpack it first")
    for magic, kind in _PACKED.items():
        if start.startswith(magic):
            raise WeightsError(f"is packed by {kind}; unpack it first")
    for magic, kind in _OTHER.items():
        if start.startswith(magic):
            raise WeightsError(f"is {kind}, not weights of PyTorch; name another file")
    if start.startswith(_POINTER):
        raise WeightsError("is a Git LFS pointer, a few lines in place of the file; fetch it by: git lfs pull")
    _require_no_text(start)


def _require_no_text(start: bytes) -> None:
    text = _as_text(start)
    if text is None:
        return
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        title = _TITLE.search(start)
        named = f" ({readable(' '.join(title[1].decode('utf-8', 'replace').split()))!r})" if title else ""
        raise WeightsError(
            f"is a web page{named}, which a server sent in place of the file, as Google Drive does for large ones; open the "
            "link in a browser, confirm there, and check the file's size"
        )
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first:
        raise WeightsError(f"is a text file, not a file of weights (it begins {readable(first, 40)!r}); download it again")


def _as_text(start: bytes) -> str | None:
    """A file's beginning as text, None where it is none; its last character may be cut."""
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(start) - error.start > 3:
            return None
        text = start[: error.start].decode("utf-8")
    return text if all(c.isprintable() or c in "\ufeff\t\r\n\f" for c in text) else None


def about_archive(names: list[str]) -> str:
    """What a zip archive without weights is, for a message. names: of its entries."""
    files = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if files and all(name.endswith(".npy") for name in files):
        return "is a NumPy archive, not weights of PyTorch; name another file"
    held = f" (it holds {some(files)})" if files else ""
    return f"is a zip archive without weights{held}; unpack it first, and name the file of weights"
