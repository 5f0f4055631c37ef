"""Photographs and videos as one stream of images with the faces that are found in them, in order."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from PIL import Image

from data_preprocessing.common.files import read_start, reason
from data_preprocessing.faces import Face
from data_preprocessing.sources.images import load_image, open_image
from data_preprocessing.sources.kinds import START, VIDEO, foreign_kind, kind_of
from data_preprocessing.sources.videos import Frame, Video
from models.faces import Crop

WHOLE = 0.2  # seconds of a video after which a whole frame is searched again for faces
_MOST_HELD = 2**24  # pixels of the frames that one thread works on
# a FaceCropper, which any thread may call with an image and the faces of the frame before
Look = Callable[[Image.Image, Sequence[Face]], list[Crop]]


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

    A video's views stand between a Begin, unless it cannot be opened, and an End. Its frames are looked at in stretches of
    WHOLE seconds (fewer frames where they are large): in the first frame of each, and wherever a face of the frame before is
    not found again or there was none, the whole frame is searched. At most threads + 1 images or stretches are held.
    """
    with ThreadPoolExecutor(max(1, threads)) as pool:
        waiting: deque[Future] = deque()
        try:
            for task in _tasks(paths, every):
                waiting.append(pool.submit(task, look) if callable(task) else _done(task))
                if len(waiting) > threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _done(event: Begin | End) -> Future:
    future = Future()
    future.set_result([event])
    return future


def _tasks(paths: Sequence[str], every: int) -> Iterator[Callable[[Look], list[View]] | Begin | End]:
    for source, path in enumerate(paths):
        if not is_video(path):
            yield partial(_photograph, source, path)
            continue
        try:
            video = Video(path)
        except (OSError, ValueError) as error:
            yield End(source, reason(error))
            continue
        with video:
            yield Begin(source, video.rate, video.expected and -(-video.expected // every))
            for stretch in _stretches(video.frames(every), round(WHOLE * video.rate / every)):
                yield partial(_stretch, source, stretch)
            yield End(source, video.problem)


def _stretches(frames: Iterator[Frame], most: int) -> Iterator[list[Frame]]:
    """Up to `most` frames each, fewer of large ones, and of one size."""
    stretch: list[Frame] = []
    for frame in frames:
        held = len(stretch) + 1
        if stretch and (held > most or held * math.prod(frame.size) > _MOST_HELD or frame.size != stretch[0].size):
            yield stretch
            stretch = []
        stretch.append(frame)
    if stretch:
        yield stretch


def _photograph(source: int, path: str, look: Look) -> list[View]:
    return [_looked_at(View(source), partial(load_image, path), look, ())]


def _stretch(source: int, frames: Sequence[Frame], look: Look) -> list[View]:
    views: list[View] = []
    for frame in frames:
        last = [crop.face for crop in views[-1].found] if views else ()
        views.append(_looked_at(View(source, frame.number, frame.time), frame.image, look, last))
    return views


def _looked_at(view: View, load: Callable[[], Image.Image], look: Look, last: Sequence[Face]) -> View:
    """The view with the image's faces, or with why it could not be decoded."""
    try:
        image = load()
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds
        return replace(view, problem=reason(error))
    return replace(view, size=image.size, found=look(image, last))
