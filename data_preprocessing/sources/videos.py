"""Reading a video frame by frame with PyAV (FFmpeg's libraries), in memory that does not grow with its length.

PyAV is an optional package (requirements-faces.txt), imported when a video is opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import open_file
from data_preprocessing.common.words import quantity
from data_preprocessing.sources.images import MOST_PIXELS

_SHORT = 0.3  # seconds, and two frames, that the last packet of any stream may end before the duration that the file states
_SQUARE = 0.01  # how far the sides of a pixel may differ and still count as equal


@dataclass(frozen=True)
class Frame:
    """A decoded frame. number: from 0 in the video. time: in seconds after the first frame. size: width and height, upright."""

    number: int
    time: float
    size: tuple[int, int]
    _decoded: Any  # av.VideoFrame
    _turns: int  # quarter turns counterclockwise that make it upright

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, upright, with square pixels, what is transparent over black; any thread may call it."""
        decoded, (width, height) = self._decoded, self.size
        if self._turns % 2:
            width, height = height, width
        has_alpha = any(component.is_alpha for component in decoded.format.components)
        array = decoded.to_ndarray(width=width, height=height, format="rgba" if has_alpha else "rgb24")
        if has_alpha:
            array = (array[..., :3].astype(np.uint16) * array[..., 3:] // 255).astype(np.uint8)
        return np.ascontiguousarray(np.rot90(array, self._turns))

    def image(self) -> Image.Image:
        """The pixels as a PIL image, as load_image gives one of a file."""
        return Image.fromarray(self.pixels())


class Video:
    """An opened video, to be gone through once by `frames`, and closed.

    rate: frames per second as the file states them. expected: frames in all as the file's header promises, None where it does
    not say. problem: after `frames` has ended, why not every frame was had; "" where all were.
    Raises DataError where PyAV is missing, OSError or ValueError where the file is no video that can be read.
    """

    def __init__(self, path: Path | str):
        require_reader("a video")
        import av

        with open_file(path) as file:
            if not file.read(1):
                raise ValueError("the file is empty")
        try:  # of what a playlist names, files alone are opened
            self._container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
        except av.error.EOFError:
            raise ValueError("no frames in it") from None
        except av.error.FFmpegError as error:
            more = ": no video, or one that was cut off before the index at its end"
            raise ValueError(f"{error.strerror}{more * isinstance(error, av.error.InvalidDataError)}") from None
        if not self._container.streams.video:
            problem = "no images in it, sound alone" if self._container.streams.audio else "no frames in it"
            self.close()
            raise ValueError(problem)
        self.path = path
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.expected = self._promised_frames()
        self.problem = ""

    def _promised_frames(self) -> int | None:
        stream, whole = self._stream, self._container.duration
        if stream.frames:
            return stream.frames
        seconds = float(stream.duration * stream.time_base) if stream.duration else whole and whole / 1e6
        return round(seconds * self.rate) if seconds else None

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> "Video":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Frames 0, `every`, 2 `every`, ... Those after damaged data come as well where they can be decoded; see `problem`."""
        aspect = float(self._stream.sample_aspect_ratio or 1)
        start, number = None, -1
        for decoded in self._decoded():
            number += 1
            time = number / self.rate if decoded.pts is None else float(decoded.pts * self._stream.time_base)
            start = time if start is None else start
            if number % every:
                continue
            if decoded.width * decoded.height > MOST_PIXELS:
                what = f"frame {number} has {decoded.width}×{decoded.height} pixels; at most {MOST_PIXELS / 1e6:.0f} megapixels"
                self.problem = f"{what} are read"
                return
            turns = round(decoded.rotation / 90) % 4
            yield Frame(number, time - start, _upright_size(decoded.width, decoded.height, aspect, turns), decoded, turns)
        self._explain_end(number + 1)

    def _decoded(self) -> Iterator[Any]:
        """Every frame that can be decoded."""
        import av

        for packet in self._packets():
            try:
                yield from self._stream.decode(packet)
            except av.error.FFmpegError:  # frames after it may be whole
                self._damaged += 1

    def _packets(self) -> Iterator[Any]:
        """The video's packets, and None at last, which has the decoder give what it holds."""
        import av

        self._damaged, self._error, self._read, self._reached = 0, "", 0, 0.0
        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._error, packet = error.strerror, None
            if packet is None:
                yield None
                return
            moment = packet.dts if packet.pts is None else packet.pts
            if moment is None:  # what demux ends each stream with
                continue
            self._reached = max(self._reached, float((moment + (packet.duration or 0)) * packet.time_base))
            if packet.stream is self._stream:
                self._read += 1
                yield packet

    def _explain_end(self, number: int) -> None:
        """Set `problem` after the last of `number` frames."""
        promised = (self._container.duration or 0) / 1e6
        missing = promised + (self._container.start_time or 0) / 1e6 - self._reached
        if self._error:
            self.problem = f"cut off after {number} frames: {self._error}"
        elif self._read < self._stream.frames - 1:
            self.problem = f"cut off after {number} frames: its header promises {self._stream.frames}"
        elif promised and missing > _SHORT + 2 / self.rate:
            self.problem = f"cut off after {number} frames: {missing:.1f} of its {promised:.1f} seconds are missing"
        elif self._lacks_trailer():
            self.problem = f"cut off after {number} frames: its end is missing"
        elif self._damaged:
            self.problem = f"damaged: {quantity(self._damaged, 'part')} cannot be decoded, and the frames in it are lost"
        elif not number:
            self.problem = "no frames in it"

    def _lacks_trailer(self) -> bool:
        """Whether a GIF, which states no duration, breaks off."""
        if self._container.format.name != "gif":
            return False
        with open_file(self.path) as file:
            file.seek(-1, 2)
            return file.read(1) != b"\x3b"


def _upright_size(width: int, height: int, aspect: float, turns: int) -> tuple[int, int]:
    if abs(aspect - 1) > _SQUARE and 0.1 < aspect < 10:
        width = max(1, round(width * aspect))
    return (height, width) if turns % 2 else (width, height)


def require_reader(what: str) -> None:
    """Raises DataError that says what to install where `what` cannot be read or written without PyAV."""
    if find_spec("av") is None:
        raise DataError(f"{what} needs the package av: python -m pip install -r requirements-faces.txt")
