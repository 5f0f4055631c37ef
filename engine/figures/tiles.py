"""Sheets of small images with captions; the first training batch as one, to see what the network is trained on."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from engine.figures.plots import font_families, save_figure, write_within

TILE, _CAPTION, _COLUMNS, _DPI = 120, 24, 8, 100  # pixels, pixels, tiles per row: 32 RGB tiles of pure noise are 1.4 MB


def draw_batch(
    images: Tensor,
    labels: Sequence[int] | Tensor,
    classes: Sequence[str],
    path: Path,
    mean: Sequence[float],
    std: Sequence[float],
    most: int = 32,
) -> None:
    """Draw the first `most` images of a batch, as the network sees them, with their class names, as a PNG at `path`.

    images: (B, C, H, W) normalised by `mean` and `std` (C values each, of pixels from 0 to 1), C 3 or 1, on any device and
    of any float type; augmentation shows, and so does the channel order: a BGR batch has blue faces. labels: (B,) indices
    into `classes`. An older file is replaced in one move.
    """
    tiles = [_tile(pixels) for pixels in denormalised(images[:most], mean, std)]
    draw_tiles(tiles, [classes[int(label)] for label in labels[: len(tiles)]], path)


def draw_tiles(tiles: Sequence[np.ndarray], captions: Sequence[str], path: Path) -> None:
    """Draw `tiles`, each (TILE, TILE, 3) uint8 pixels, in rows of eight with a caption below each, as a PNG at `path`."""
    columns = min(_COLUMNS, len(tiles))
    width, height = columns * TILE, -(-len(tiles) // columns) * (TILE + _CAPTION)
    sheet = np.full((height, width, 3), 255, np.uint8)
    style = {"font.family": font_families(), "font.size": 9, "text.parse_math": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        for number, (tile, caption) in enumerate(zip(tiles, captions)):
            row, column = divmod(number, columns)
            x, y = column * TILE, row * (TILE + _CAPTION)
            sheet[y : y + TILE, x : x + TILE] = tile
            text = figure.text((x + TILE / 2) / width, 1 - (y + TILE + _CAPTION / 2) / height, "", ha="center", va="center")
            write_within(text, caption, TILE - 6)
        figure.figimage(sheet, zorder=-1)
        save_figure(figure, path)


def denormalised(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """(B, C, H, W) -> (B, H, W, C) 8-bit; what a random transform put outside 0 to 1 is clipped."""
    values = images.detach().float().cpu()
    values = values * values.new_tensor(std).view(1, -1, 1, 1) + values.new_tensor(mean).view(1, -1, 1, 1)
    return (values.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def _tile(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1 or 3) -> (120, 120, 3)."""
    image = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).convert("RGB")
    return np.asarray(image.resize((TILE, TILE), Image.Resampling.BICUBIC))
