"""Photographs and videos as one stream of images with the faces that are found in them, in order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from PIL import Image

from data_preprocessing.common.files import read_start, reason
from data_preprocessing.sources.images import load_image, open_image
from data_preprocessing.sources.kinds import START, VIDEO, foreign_kind, kind_of
from data_preprocessing.sources.videos import Video
from models.faces import Crop

Look = Callable[[Image.Image], list[Crop]]  # a FaceCropper, which any thread may call


@dataclass(frozen=True)
class View:
    """A photograph or a frame, looked at. source: index of its file. frame, time: of a video, as in Frame.

    size: width and height. found: its faces. problem: why it could not be decoded, "" otherwise.
    """

    source: int
    frame: int | None = None
    time: float | None = None
    size: tuple[int, int] = (0, 0)
    found: list[Crop] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Begin:
    """A video begins. rate: frames per second. expected: frames that will be looked at, None where that is not known."""

    source: int
    rate: float
    expected: int | None


@dataclass(frozen=True)
class End:
    """A video has ended. problem: why not all of it was had, "" otherwise."""

    source: int
    problem: str = ""


def is_video(path: str) -> bool:
    """Whether a file is read as a video: by its content, whatever its name says, and where it holds no image; a moving GIF."""
    with suppress(OSError):
        if foreign_kind(read_start(path, START)) == VIDEO:
            return True
    if path.lower().endswith(".gif"):
        with suppress(Exception), open_image(path) as image:  # PIL's decoders raise many kinds; reading it will tell
            return getattr(image, "is_animated", False)
        return False
    return kind_of(path, partial(read_start, count=START)) in (VIDEO, "other")


def views(paths: Sequence[str], look: Look, every: int, threads: int) -> Iterator[View | Begin | End]:
    """Every photograph and every `every`-th frame of each video, looked at in `threads` threads, in order.

    A video's views stand between a Begin, unless it cannot be opened, and an End. At most threads + 1 images are held.
    """
    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting: deque[Future] = deque()
        try:
            for task in _tasks(paths, every):
                waiting.append(pool.submit(task, look) if callable(task) else _done(task))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _done(event: Begin | End) -> Future:
    future = Future()
    future.set_result(event)
    return future


def _tasks(paths: Sequence[str], every: int) -> Iterator[Callable[[Look], View] | Begin | End]:
    for source, path in enumerate(paths):
        if not is_video(path):
            yield partial(_looked_at, source, None, None, partial(load_image, path))
            continue
        try:
            video = Video(path)
        except (OSError, ValueError) as error:
            yield End(source, reason(error))
            continue
        with video:
            yield Begin(source, video.rate, video.expected and -(-video.expected // every))
            for frame in video.frames(every):
                yield partial(_looked_at, source, frame.number, frame.time, frame.image)
            yield End(source, video.problem)


def _looked_at(source: int, frame: int | None, time: float | None, load: Callable[[], Image.Image], look: Look) -> View:
    try:
        image = load()
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds
        return View(source, frame, time, problem=reason(error))
    return View(source, frame, time, image.size, look(image))
