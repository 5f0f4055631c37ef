"""Draws one synthetic face from its parameters.

Coordinates are in the face's own frame: x to the right, y down, z towards the viewer, the face's half height about 1.
Every curve is bent over an ellipsoid, so that turning the head moves and foreshortens it.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data_preprocessing.synthetic.parameters import Appearance, Identity

_SUPERSAMPLING = 2


class _Canvas:
    """An image that is drawn on in face coordinates."""

    def __init__(self, size: int, look: Appearance):
        self.pixels = size * _SUPERSAMPLING
        self.look = look
        self.image = Image.new("RGB", (self.pixels, self.pixels), _color(look.background))
        self.pen = ImageDraw.Draw(self.image)

    def project(self, points: np.ndarray) -> list[tuple[float, float]]:
        """Face coordinates (N, 2) -> pixels, by head rotation and parallel projection."""
        x, y = points[:, 0], points[:, 1]
        z = 0.7 * np.sqrt(np.clip(1 - (x / 0.95) ** 2 - (y / 1.25) ** 2, 0, None))
        look = self.look
        x = x * np.cos(look.yaw) + z * np.sin(look.yaw)
        y = y * np.cos(look.pitch) + z * np.sin(look.pitch)
        cos, sin = np.cos(look.roll), np.sin(look.roll)
        x, y = x * cos - y * sin, x * sin + y * cos
        scale = self.pixels / 2.25 * look.zoom
        return list(zip((x * scale + self.pixels / 2).tolist(), (y * scale + self.pixels / 2).tolist()))

    def area(self, points: np.ndarray, color) -> None:
        self.pen.polygon(self.project(points), fill=_color(color))

    def line(self, points: np.ndarray, color, width: float) -> None:
        pixels = max(1, round(width * self.pixels / 2.25))
        self.pen.line(self.project(points), fill=_color(color), width=pixels, joint="curve")


def _color(rgb) -> tuple[int, int, int]:
    return tuple(int(v) for v in np.clip(rgb, 0, 255))


def _ellipse(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, end: float = 2 * np.pi) -> np.ndarray:
    t = np.linspace(start, end, 40)
    return np.stack((cx + rx * np.cos(t), cy + ry * np.sin(t)), axis=1)


def _curve(x0: float, x1: float, y_of_t) -> np.ndarray:
    """Points from x0 to x1 with y given by a function of t in [-1, 1]."""
    t = np.linspace(-1, 1, 25)
    return np.stack((x0 + (x1 - x0) * (t + 1) / 2, y_of_t(t) * np.ones_like(t)), axis=1)


def _draw_head(canvas: _Canvas, who: Identity) -> None:
    if who.hair_style == 2:
        canvas.area(_ellipse(0, 0.15, who.width * 1.25, 1.25), who.hair)
    elif who.hair_style == 1:
        canvas.area(_ellipse(0, -0.2, who.width * 1.12, 0.95), who.hair)
    for side in (-1, 1):
        canvas.area(_ellipse(side * who.width, -0.05, 0.09, 0.17), who.skin * 0.9)
    t = np.linspace(0, 2 * np.pi, 80)
    narrowing = np.where(np.sin(t) > 0, 1 - (1 - who.jaw) * np.sin(t) ** 2, 1)
    drop = 0.10 * canvas.look.units[26]  # AU26: the chin goes down with the jaw
    y = np.sin(t) * np.where(np.sin(t) > 0, 0.98 + drop, 0.98)
    canvas.area(np.stack((who.width * np.cos(t) * narrowing, y), axis=1), who.skin)
    if who.hair_style:
        hairline = _curve(-who.width * 0.9, who.width * 0.9, lambda t: -0.62 - 0.14 * (1 - t**2))
        top = _ellipse(0, -0.2, who.width * 1.08, 0.88, np.pi * 0.06, -np.pi * 1.06)
        canvas.area(np.concatenate((hairline, top)), who.hair)
    if who.beard:
        canvas.area(_ellipse(0, 0.72 + drop / 2, who.width * 0.62, 0.26), who.hair * 0.5 + who.skin * 0.5)


def _draw_eye(canvas: _Canvas, who: Identity, side: int) -> None:
    unit = canvas.look.units
    cx, cy = side * who.eye_gap, -0.22
    opening = 0.55 + 0.42 * unit[5] - 0.22 * unit[7] - 0.16 * unit[6] - 0.12 * unit[9]
    upper, lower = who.eye_size * opening, who.eye_size * (0.42 - 0.20 * unit[7] - 0.26 * unit[6] + 0.10 * unit[5])
    lid = np.concatenate(
        (
            _curve(cx - who.eye_size, cx + who.eye_size, lambda t: cy - upper * (1 - t**2)),
            _curve(cx + who.eye_size, cx - who.eye_size, lambda t: cy + lower * (1 - t**2)),
        )
    )
    canvas.area(lid, (245, 243, 240))
    iris = _ellipse(cx, cy - 0.008, 0.42 * who.eye_size, 0.42 * who.eye_size)
    iris[:, 1] = np.clip(iris[:, 1], cy - upper * 0.92, cy + lower * 0.92)
    canvas.area(iris, who.hair * 0.4 + 20)
    canvas.line(lid[:25], who.skin * 0.35, 0.022)
    canvas.line(lid[25:], who.skin * 0.6, 0.012)
    if unit[6] > 0.3:  # AU6: the raised cheek folds under the eye
        fold = _curve(cx - who.eye_size, cx + who.eye_size, lambda t: cy + lower + 0.055 + 0.02 * (1 - t**2))
        canvas.line(fold, who.skin * (1 - 0.25 * unit[6]), 0.018)


def _draw_brow(canvas: _Canvas, who: Identity, side: int) -> None:
    unit = canvas.look.units
    inner, outer = side * (who.eye_gap - 0.14 - 0.03 * unit[4]), side * (who.eye_gap + 0.19)
    base = -0.22 - who.eye_size - 0.10
    inner_y = base - 0.13 * unit[1] + 0.12 * unit[4] + 0.06 * unit[9]
    outer_y = base + 0.03 - 0.12 * unit[2] + 0.02 * unit[4]
    arch = 0.045 + 0.03 * unit[2] - 0.02 * unit[4]
    brow = _curve(inner, outer, lambda t: inner_y + (outer_y - inner_y) * (t + 1) / 2 - arch * (1 - t**2))
    canvas.line(brow, who.hair * 0.55, who.brow_weight)


def _draw_nose(canvas: _Canvas, who: Identity) -> None:
    unit = canvas.look.units
    lift = 0.05 * unit[9]
    half = 0.10 * who.nose * (1 + 0.25 * unit[9])
    shade = who.skin * 0.72
    canvas.line(_curve(-half, half, lambda t: 0.20 - lift + 0.035 * (1 - t**2)), shade, 0.026)
    canvas.line(np.array([(half * 0.55, -0.12), (half * 0.8, 0.12 - lift)]), who.skin * 0.85, 0.02)
    if unit[9] > 0.3:  # AU9: wrinkles over the root of the nose
        for k in range(3):
            wrinkle = _curve(-0.075, 0.075, lambda t: -0.02 * (1 - t**2)) + (0, -0.20 + 0.055 * k)
            canvas.line(wrinkle, who.skin * (1 - 0.3 * unit[9]), 0.016)
    if unit[4] > 0.3:  # AU4: furrows between the brows
        for side in (-1, 1):
            canvas.line(np.array([(side * 0.04, -0.40), (side * 0.035, -0.28)]), who.skin * (1 - 0.35 * unit[4]), 0.016)
    fold = max(unit[12], unit[9])
    if fold > 0.3:  # the furrow from the nose to the corner of the mouth
        for side in (-1, 1):
            points = np.array([(side * 0.15, 0.17), (side * 0.27, 0.30), (side * 0.32, 0.43)])
            canvas.line(points, who.skin * (1 - 0.22 * fold), 0.018)


def _draw_mouth(canvas: _Canvas, who: Identity) -> None:
    unit = canvas.look.units
    half = who.mouth * (1 + 0.28 * unit[12] + 0.30 * unit[20] - 0.16 * unit[23] - 0.12 * unit[26])
    cy = 0.50 - 0.02 * unit[9]
    corner = cy - 0.13 * unit[12] + 0.11 * unit[15] + 0.02 * unit[20]  # height of the corners
    gap = 0.24 * unit[26] + 0.09 * unit[25] + 0.05 * unit[16] + 0.04 * unit[20]
    lip = 0.055 * (1 - 0.65 * unit[23] - 0.25 * unit[12])
    middle = cy - 0.05 * unit[17]
    top = middle - 0.35 * gap - 0.03 * unit[9]
    bottom = middle + 0.65 * gap + 0.05 * unit[16]

    def bow(peak: float):
        return lambda t: corner + (peak - corner) * (1 - t**2)

    colour = who.skin * np.array((0.78, 0.52, 0.52))
    outline = (_curve(-half, half, bow(top - lip)), _curve(half, -half, bow(bottom + lip * 1.2)))
    canvas.area(np.concatenate(outline), colour)
    if bottom - top > 0.03:
        opening = (_curve(-half * 0.9, half * 0.9, bow(top)), _curve(half * 0.9, -half * 0.9, bow(bottom)))
        canvas.area(np.concatenate(opening), (70, 20, 25))
        if unit[25] > 0.3 or unit[20] > 0.3 or unit[16] > 0.3:  # parted lips show the teeth
            teeth = (_curve(-half * 0.8, half * 0.8, bow(top)), _curve(half * 0.8, -half * 0.8, bow((top + bottom) / 2)))
            canvas.area(np.concatenate(teeth), (240, 238, 230))
    else:
        canvas.line(_curve(-half, half, bow(middle)), who.skin * 0.4, 0.016)
    if unit[17] > 0.3:  # AU17: the chin boss
        canvas.line(_curve(-0.12, 0.12, lambda t: 0.74 - 0.05 * (1 - t**2)), who.skin * 0.8, 0.018)


def _draw_glasses(canvas: _Canvas, who: Identity) -> None:
    for side in (-1, 1):
        canvas.line(_ellipse(side * who.eye_gap, -0.20, 0.20, 0.17), (30, 30, 35), 0.022)
    canvas.line(_curve(-who.eye_gap + 0.20, who.eye_gap - 0.20, lambda t: -0.22 - 0.02 * (1 - t**2)), (30, 30, 35), 0.022)


def _draw_headset(canvas: _Canvas, who: Identity, rng: np.random.Generator) -> None:
    """A head-mounted display over brows, eyes and the root of the nose, with its strap and a reflection."""
    shell = np.full(3, rng.uniform(15, 70)) if rng.random() < 0.8 else np.full(3, rng.uniform(190, 235))
    top, bottom, half = rng.uniform(-0.60, -0.52), rng.uniform(0.0, 0.10), who.width * rng.uniform(0.92, 1.04)
    strap = np.array([(-1.2, -0.38), (1.2, -0.38), (1.2, -0.18), (-1.2, -0.18)])
    canvas.area(strap, shell * 0.6)
    t = np.linspace(0, 2 * np.pi, 60)  # a superellipse: rounded corners
    x = half * np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.35
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.35
    canvas.area(np.stack((x, y), axis=1), shell)
    glint = rng.uniform(-0.4, 0.2)
    canvas.area(
        np.array([(glint, top + 0.08), (glint + 0.2, top + 0.08), (glint + 0.1, bottom - 0.1), (glint - 0.1, bottom - 0.1)]),
        shell + 25,
    )


def _light(image: Image.Image, look: Appearance, rng: np.random.Generator) -> Image.Image:
    """Directional shading, exposure and sensor noise."""
    pixels = np.asarray(image, dtype=np.float32)
    axis = np.linspace(-1, 1, pixels.shape[0], dtype=np.float32)
    slope = np.cos(look.light_angle) * axis[None, :] + np.sin(look.light_angle) * axis[:, None]
    lit = pixels * (look.brightness * (1 + look.light_strength * slope))[..., None]
    lit += rng.normal(0, 3, lit.shape)
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))


def draw_face(who: Identity, expression: str, rng: np.random.Generator, size: int = 128, vr: bool = False) -> Image.Image:
    """One RGB image, `size` pixels per side, of `who` showing `expression` under a random view.

    vr: a headset covers the upper half of the face. Raises KeyError for an unknown expression.
    """
    look = Appearance.draw(expression, rng)
    canvas = _Canvas(size, look)
    _draw_head(canvas, who)
    _draw_nose(canvas, who)
    for side in (-1, 1):
        _draw_eye(canvas, who, side)
        _draw_brow(canvas, who, side)
    _draw_mouth(canvas, who)
    if vr:
        _draw_headset(canvas, who, rng)
    elif who.glasses:
        _draw_glasses(canvas, who)
    image = canvas.image.filter(ImageFilter.GaussianBlur(0.5 * _SUPERSAMPLING))
    return _light(image.resize((size, size), Image.Resampling.BOX), look, rng)
