"""How far a long prediction is: a bar on a terminal, otherwise a line now and then."""

import sys
import time
from collections.abc import Callable
from datetime import timedelta

from tqdm import tqdm

_BETWEEN = 60.0  # seconds between two lines where there is no terminal


class Progress:
    """Counts images and faces of one part of the work after the other. say: prints and keeps a line."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._bar: tqdm | None = None

    def start(self, text: str, total: int | None) -> None:
        """Begin another part, of `total` images or frames, None where that is not known."""
        self.end()
        self._text, self._total, self._count, self._faces = text, total, 0, 0
        self._begun = self._told = time.monotonic()
        self._bar = tqdm(total=total, desc=text, leave=False, disable=not sys.stderr.isatty(), mininterval=0.5)

    def step(self, faces: int) -> None:
        """An image with so many faces is done."""
        self._count, self._faces = self._count + 1, self._faces + faces
        now = time.monotonic()
        seconds = max(now - self._begun, 1e-9)
        self._bar.set_postfix_str(f"{self._faces / seconds:.1f} faces/s", refresh=False)
        self._bar.update()
        if self._bar.disable and now - self._told >= _BETWEEN:
            self._told = now
            self._say(f"{self._text}: {self._so_far(seconds)}")

    def _so_far(self, seconds: float) -> str:
        text = f"{self._count} of {self._total or '?'} images, {self._faces / seconds:.1f} faces/s"
        if not self._total or self._count > self._total:
            return text
        left = timedelta(seconds=round(seconds / self._count * (self._total - self._count)))
        return f"{text}, {left} left"

    def say(self, text: str) -> None:
        """A line between, which the bar makes room for."""
        if self._bar is not None and not self._bar.disable:
            self._bar.clear()
        self._say(text)

    def end(self) -> None:
        """The part is done."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
