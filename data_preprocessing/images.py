"""Reading one picture file of any kind as RGB."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")


def to_rgb(image: Image.Image) -> Image.Image:
    """Any PIL picture -> RGB: upright by its EXIF tag, 16-bit and float scaled to 8 bits, transparency over black."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # Pillow's own conversion would clip instead of scale
        values = np.asarray(image, dtype=np.float64)
        peak = 65535.0
        if image.mode == "F":  # float files are written from 0 to 1, to 255 or to 65535
            peak = next((p for p in (1.0, 255.0) if values.max(initial=0) <= p), peak)
        return Image.fromarray(np.clip(np.rint(values * (255 / peak)), 0, 255).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, rgba).convert("RGB")
    return image.convert("RGB")


def load_image(path: Path | str) -> Image.Image:
    """The picture at `path` as RGB. Raises OSError or ValueError (PIL's own kinds) where it cannot be decoded."""
    with Image.open(path) as image:
        return to_rgb(image)


def check_image(data: bytes) -> str | None:
    """None where `data` decodes to its end, otherwise what is wrong. JPEGs are decoded at a small scale, for speed."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (16, 16))
            image.load()
        return None
    except Exception as error:  # PIL's decoders raise many kinds: OSError, SyntaxError, ValueError, struct.error, ...
        if not data:
            return "the file is empty"
        return str(error).split(" <_io")[0] or type(error).__name__
