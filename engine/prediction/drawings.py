"""What `--draw` leaves: a PNG per image with what the network says of it and where it looks, and sheets of all."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from torch import Tensor, nn

from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import readable
from engine.explain import face_maps, overlay
from engine.figures.plots import TRAIN_COLOUR, font_families, save_figure, write_within
from engine.figures.tiles import TILE, draw_tiles
from engine.prediction.images import Given

VIEW = 300  # pixels of a drawn face's longer side
_TILES = 200  # images a sheet: 25 rows of eight
_BARS = 12  # classes drawn
_LONGEST_STEM = 100  # characters of an image's name, of at most 4 bytes each, in the name of its PNG
_WIDTH, _HEIGHT, _DPI = 1080, 382, 100  # pixels of the whole figure
_FACE, _MAP, _BARS_LEFT, _TOP = 20, 340, 840, 62  # pixels from its left edge; from its upper one
_LABELS = 170  # pixels for the classes' names beside the bars
_OTHER_COLOUR = "#a9c4dd"


class PredictionImages:
    """The drawings of one call, in `folder`: pictures/<number>_<name>.png, and contact_sheet.png where sheets are wanted.

    fit: transform of TRANSFORMS that made the network's images.
    """

    def __init__(self, folder: Path, classes: Sequence[str], fit: str, sheets: bool):
        self.folder, self.classes, self.fit = folder, tuple(map(printable, classes)), fit
        self.sheets = ContactSheets(folder) if sheets else None
        (folder / "pictures").mkdir()

    def add(
        self, model: nn.Module, images: Tensor, given: Sequence[Given], paths: Sequence[str], probabilities: np.ndarray
    ) -> None:
        """Draw a batch. images: (B, C, H, W) as the network took them; given, paths, probabilities (B, C): of each."""
        maps = face_maps(model, images).cpu().numpy()
        for one, path, heat, row in zip(given, paths, maps, probabilities):
            target = drawing_path(self.folder, one.index, path, ".png")
            draw_prediction(one.view, map_on_image(heat, one.view.shape[:2], self.fit), row, self.classes, path, target)
            if self.sheets:
                best = int(row.argmax())
                self.sheets.add(one.view, f"{row[best]:.2f} {self.classes[best]}")

    def close(self) -> None:
        """Write the sheet that was begun, if there is one."""
        if self.sheets:
            self.sheets.close()


class ContactSheets:
    """contact_sheet.png in `folder`, of 200 images with captions; further ones are contact_sheet_2.png and so on.

    So any number of images can be opened, and no more than a sheet's is held.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._tiles: list[np.ndarray] = []
        self._captions: list[str] = []
        self._written = 0

    def add(self, pixels: np.ndarray, caption: str) -> None:
        """Append an image (H, W, 3) uint8, fitted into its tile."""
        self._tiles.append(np.pad(_fitted(pixels, TILE - 6), ((3, 3), (3, 3), (0, 0)), constant_values=255))
        self._captions.append(caption)
        if len(self._tiles) == _TILES:
            self.close()

    def close(self) -> None:
        """Write the sheet that was begun, if there is one."""
        if self._tiles:
            self._written += 1
            number = f"_{self._written}" if self._written > 1 else ""
            draw_tiles(self._tiles, self._captions, self.folder / f"contact_sheet{number}.png")
            self._tiles, self._captions = [], []


def drawing_path(folder: Path, index: int, path: str, ending: str) -> Path:
    """Where the drawing of `path`, number `index` from 0, is to lie: the number keeps equal names apart."""
    stem = "".join(c if c.isprintable() else "_" for c in readable(Path(path).stem))[:_LONGEST_STEM]
    return folder / "pictures" / f"{index + 1:05d}_{stem}{ending}"


def map_on_image(heat: np.ndarray, size: tuple[int, int], fit: str) -> np.ndarray:
    """A map (S, S) over what the network took -> (H, W) over the image that it was made from.

    size: H and W of that image. fit: "pad" where it was fitted into the square and padded, otherwise it was stretched.
    """
    height, width = size
    image = Image.fromarray(heat.astype(np.float32))
    box = (0.0, 0.0, float(image.width), float(image.height))
    if fit == "pad":
        scale = image.width / max(size)
        left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
        box = (max(0.0, left), max(0.0, top), min(image.width, left + width * scale), min(image.height, top + height * scale))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box)).clip(0, 1)


def draw_prediction(
    face: np.ndarray, heat: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], name: str, path: Path
) -> None:
    """Draw the face, the map over it and a bar per class, of more than 12 classes the most probable, as a PNG at `path`.

    face: (H, W, 3) uint8. heat: (H, W) from 0 to 1. probabilities: (C,). name: of the image, for the title.
    """
    sheet = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    for left, pixels in ((_FACE, face), (_MAP, overlay(face, heat))):
        sheet[_TOP : _TOP + VIEW, left : left + VIEW] = _fitted(pixels, VIEW)
    style = {"font.family": font_families(), "font.size": 10, "text.parse_math": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(_WIDTH / _DPI, _HEIGHT / _DPI), dpi=_DPI)
        figure.figimage(sheet, zorder=-1)
        title = figure.text(_FACE / _WIDTH, 1 - 18 / _HEIGHT, "", va="center")
        write_within(title, printable(name), _WIDTH - 2 * _FACE)
        figure.text(_MAP / _WIDTH, 1 - 48 / _HEIGHT, "where the network looks", va="center", size=9, color="dimgrey")
        _draw_bars(figure, probabilities, classes)
        save_figure(figure, path, pil_kwargs={"compress_level": 3})  # much faster than the default


def _fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) -> (side, side, 3): scaled, its proportions kept, on white."""
    image, scale = Image.fromarray(pixels), side / max(pixels.shape)
    size = [max(1, round(length * scale)) for length in image.size]  # ImageOps.pad would round a short side to no pixels
    return np.asarray(ImageOps.pad(image.resize(size, Image.Resampling.BICUBIC), (side, side), color="white"))


def _draw_bars(figure: Figure, probabilities: np.ndarray, classes: Sequence[str]) -> None:
    shown = np.arange(len(classes))
    if len(classes) > _BARS:
        shown = np.argsort(-probabilities, kind="stable")[:_BARS]
    bottom = _HEIGHT - _TOP - VIEW
    axes = figure.add_axes((_BARS_LEFT / _WIDTH, bottom / _HEIGHT, 1 - (_BARS_LEFT + 60) / _WIDTH, VIEW / _HEIGHT))
    best = int(probabilities.argmax())
    colours = [TRAIN_COLOUR if k == best else _OTHER_COLOUR for k in shown]
    bars = axes.barh(range(len(shown)), probabilities[shown], color=colours, height=0.7)
    axes.bar_label(bars, [f"{probabilities[k]:.3f}" for k in shown], padding=4)
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.5, -0.5), xticks=(), yticks=())
    for place, k in enumerate(shown):
        label = axes.text(-8 / axes.bbox.width, place, "", ha="right", va="center", weight="bold" if k == best else "normal")
        write_within(label, classes[k], _LABELS)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
