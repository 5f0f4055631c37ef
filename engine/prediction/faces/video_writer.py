"""Writing frames as a video with PyAV."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.sources.videos import require_reader

_TICKS = 1000  # per second, of the frames' times
_CODECS = ("libx264", "mpeg4")  # the first plays everywhere; builds of FFmpeg without it have the second


class VideoWriter:
    """An MP4 file at `path` without sound, opened with the first frame, whose size it has; later ones are fitted into it.

    rate: frames per second, as the file's header says. Raises OSError where it cannot be written.
    """

    def __init__(self, path: Path, rate: float):
        require_reader("a drawn video")
        self.path, self.rate = path, rate
        self._container = self._stream = None
        self._last = -1

    def add(self, pixels: np.ndarray, time: float) -> None:
        """Append a frame (H, W, 3) uint8 that is shown from `time` seconds on."""
        import av

        if self._container is None:
            self._open(pixels.shape[1], pixels.shape[0])
        frame = av.VideoFrame.from_ndarray(self._fitted(pixels), format="rgb24")
        self._last = max(self._last + 1, round(time * _TICKS))  # players want times that rise
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """End the file; without a frame there is none."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()

    def _open(self, width: int, height: int) -> None:
        import av

        self._container = av.open(f"file:{self.path}", "w", format="mp4", options={"movflags": "+faststart"})
        codec = next(name for name in _CODECS if name in av.codecs_available)
        rate = Fraction(self.rate).limit_denominator(1001)
        self._stream = self._container.add_stream(codec, rate=max(rate, Fraction(1, 100)))
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"  # which wants even sides
        self._stream.options = {"crf": "20"} if codec == "libx264" else {"qscale": "3"}

    def _fitted(self, pixels: np.ndarray) -> np.ndarray:
        width, height = self._stream.width, self._stream.height
        own_height, own_width = pixels.shape[:2]
        scale = min(1.0, width / own_width, height / own_height)
        if scale < 1:
            size = max(1, int(own_width * scale)), max(1, int(own_height * scale))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        room = (0, height - pixels.shape[0]), (0, width - pixels.shape[1])
        return np.pad(pixels, (*room, (0, 0)), mode="edge" if max(map(max, room)) < 2 else "constant")
