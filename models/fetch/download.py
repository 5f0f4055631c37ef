"""One file from Google Drive, whole and of the expected content, or not at all."""

import contextlib
import json
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tqdm import tqdm

from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import file_digest, reason, replacing
from models.errors import WeightsError
from models.fetch.content import check_content
from models.files.published_files import PublishedFile

RECORD = "fetched.json"  # beside the files: SHA-256 and date of each one's first good copy
INCOMING = ".fetching"  # folder beside them for what is not complete yet; a later call goes on there
TIMEOUT, RETRIES = 60.0, 3  # seconds without a byte, and how often a broken connection is taken up again


class FetchError(RuntimeError):
    """A file could not be had; the message says why in one line, and how to fetch it by hand."""


def fetch(file: PublishedFile, say: Callable[[str], None]) -> None:
    """Have `file` at its path: left alone where a good one is there, otherwise downloaded, checked and then put there.

    Raises FetchError; what is at the path is then as before, and a part that was downloaded is kept for the next call.
    """
    target = file.path
    if target.is_file():
        try:
            return say(f"{target}: is there ({verify(target, file)})")
        except WeightsError as error:
            say(f"{target}: {error}; downloading it anew")
    arrived = target.parent / INCOMING / target.name
    try:
        arrived.parent.mkdir(parents=True, exist_ok=True)
        _download(file, arrived)
        say(f"{target}: fetched ({_settle(arrived, file)})")
    except OSError as error:
        raise FetchError(f"{error.filename or target}: cannot be written ({reason(error)})") from None
    finally:
        with contextlib.suppress(OSError):  # it is empty, but for a part to go on with
            arrived.parent.rmdir()


def verify(path: Path, file: PublishedFile) -> str:
    """What the file at `path` holds, in a few words; its SHA-256 is recorded where no good copy was seen before.

    Raises WeightsError where its keys or shapes are not those of `file`, or its bytes not those recorded.
    """
    found, digest = check_content(path, file), file_digest(path)
    records, known = _records(file), _records(file).get(file.path.name)
    if not known:
        records[file.path.name] = {"sha256": digest, "date": time.strftime("%Y-%m-%d")}
        try:
            with replacing(file.path.parent / RECORD) as unfinished:
                unfinished.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
        except OSError as error:  # a good file in a folder that cannot be written to is as good
            return f"{found}, SHA-256 {digest}, not kept in {RECORD}: {reason(error)}"
    elif known["sha256"] != digest:
        raise WeightsError(
            f"has other bytes (SHA-256 {digest[:16]}…) than the copy of {known['date']} ({known['sha256'][:16]}…), though its "
            f"keys and shapes fit; to accept it, remove its entry from {file.path.parent / RECORD}"
        )
    return f"{found}, SHA-256 {digest}"


def _settle(arrived: Path, file: PublishedFile) -> str:
    """Put what has arrived in its place, if it is what it should be; what it holds, in a few words."""
    try:
        found = verify(arrived, file)
        arrived.replace(file.path)
        return found
    except WeightsError as error:
        raise FetchError(f"what {file.link} gave {error}; nothing was changed") from None
    finally:
        arrived.unlink(missing_ok=True)


def _download(file: PublishedFile, path: Path) -> None:
    """Raises FetchError where the server does not give the whole file; gdown keeps the part beside `path`."""
    import gdown
    from requests import RequestException
    from requests.exceptions import ConnectionError as NoConnection

    options = dict(quiet=True, use_cookies=False, resume=True, timeout=TIMEOUT, retries=RETRIES)
    try:
        with tqdm(desc=file.path.name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            gdown.download(id=file.drive_id, output=str(path), progress=partial(_show, bar), **options)
        return
    except gdown.exceptions.DownloadError as error:
        lost = isinstance(error.__cause__, NoConnection)
        why = "the connection broke off; the same command goes on" if _parts(path) else "no connection" if lost else _why(error)
    except NoConnection:
        why = "no connection"
    except RequestException as error:
        why = _why(error)
    raise FetchError(f"{file.path.name}: not fetched ({why}); by hand: open {file.link} and save the file as {file.path}")


def _show(bar: tqdm, done: int, total: int | None) -> None:
    bar.total = total
    bar.update(done - bar.n)


def _parts(path: Path) -> list[Path]:
    """What gdown keeps of a download that broke off."""
    return [part for part in path.parent.glob("*.part") if part.name.startswith(path.name)]


def _why(error: Exception) -> str:
    """The message of gdown or requests in one line, without their advice."""
    text = " ".join(re.sub(r"<[^>]+>", "", str(error)).split())
    return printable(text.removeprefix("Failed to retrieve file url: ").partition(" You may still be able")[0])


def _records(file: PublishedFile) -> dict:
    try:
        return json.loads((file.path.parent / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise FetchError(f"{file.path.parent / RECORD}: is no JSON; mend or remove it") from None
