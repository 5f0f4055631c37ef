"""Small image files of every kind and mode that is read, and files that lie about what they hold."""

import io
import struct
import zlib
from functools import cache

import numpy as np
from PIL import Image

_TIFF = {
    "1": (None, "group4", "packbits"),
    "L": (None, "tiff_lzw", "jpeg"),
    "RGB": (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"),
    "RGBA": (None, "tiff_lzw"),
    "CMYK": (None,),
}


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    """The content of an image file."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def turned() -> Image.Exif:
    """EXIF that turns an image by a quarter."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 40
    return exif


@cache
def samples() -> dict[str, bytes]:
    """Good files by a name that begins with their kind."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (21, 33, 3), dtype=np.uint8))
    large = rgb.resize((220, 180), Image.Resampling.BICUBIC)  # large enough to be checked at a small scale
    deep = Image.fromarray(rng.integers(0, 65535, (9, 7), dtype=np.uint16))
    floating = Image.fromarray(rng.random((9, 7)).astype(np.float32))
    others = [rgb.rotate(90), rgb.rotate(180)]
    files = {}
    for mode in ("RGB", "L", "CMYK"):
        for scans in (False, True):
            image = large.convert(mode)
            files[f"jpeg {mode} {scans}"] = encoded(image, "JPEG", progressive=scans, exif=turned(), restart_marker_rows=2)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        files[f"png {mode}"] = encoded(rgb.convert(mode), "PNG", exif=turned())
    files["png transparent palette"] = encoded(rgb.convert("P"), "PNG", transparency=bytes(range(200)))
    files["png transparent level"] = encoded(rgb.convert("L"), "PNG", transparency=7)
    files["png transparent colour"] = encoded(rgb, "PNG", transparency=(1, 2, 3))
    files["png deep"] = encoded(deep, "PNG")
    files["png profile"] = encoded(rgb, "PNG", icc_profile=b"x" * 500)
    files["png moving"] = encoded(rgb, "PNG", save_all=True, append_images=others)
    for mode in ("1", "L", "P", "RGB"):
        files[f"bmp {mode}"] = encoded(rgb.convert(mode), "BMP")
    files["gif"] = encoded(rgb.convert("P"), "GIF")
    moving = [image.convert("P") for image in others]
    files["gif moving"] = encoded(rgb.convert("P"), "GIF", save_all=True, append_images=moving, disposal=2, transparency=3)
    files["webp"] = encoded(rgb, "WEBP", exif=turned())
    files["webp lossless"] = encoded(rgb.convert("RGBA"), "WEBP", lossless=True)
    files["webp moving"] = encoded(rgb, "WEBP", save_all=True, append_images=others)
    files["avif"], files["jpeg2000"] = encoded(rgb, "AVIF", exif=turned(), speed=10), encoded(rgb, "JPEG2000")
    files["avif moving"] = encoded(rgb, "AVIF", save_all=True, append_images=[others[1]], speed=10)
    files["jpeg2000 codestream"] = encoded(rgb.convert("L"), "JPEG2000", no_jp2=True)
    for mode, ways in _TIFF.items():
        for way in ways:
            files[f"tiff {mode} {way}"] = encoded(rgb.convert(mode), "TIFF", compression=way)
    files["tiff turned"] = encoded(rgb, "TIFF", exif=turned())
    files["tiff deep"], files["tiff float"] = encoded(deep, "TIFF"), encoded(floating, "TIFF", compression="tiff_lzw")
    for mode in ("1", "L", "RGB", "I"):
        files[f"ppm {mode}"] = encoded(rgb.convert(mode), "PPM")
    files["ppm float"] = encoded(floating, "PPM")
    files["ppm text"] = b"P2\n# a comment\n4 3\n255\n" + b" ".join(str(level).encode() for level in range(12))
    return files


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, kind: int, data: bytes, *chunks: bytes, depth: int = 8) -> bytes:
    """A PNG file that says it is of this size and colour kind and holds the zlib stream `data`."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_right_sums(data: bytes) -> bytes:
    """A damaged PNG file whose checksums fit again, so that the damage is not seen by them."""
    done, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        length = struct.unpack_from(">I", data, place)[0]
        kind, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        done += struct.pack(">I", length) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        place += 12 + length
    return bytes(done + data[place:])


def zeros(count: int, level: int = 1) -> bytes:
    """A zlib stream of `count` bytes 0."""
    stream = zlib.compressobj(level)
    whole, rest = divmod(count, 2**20)
    return b"".join(stream.compress(bytes(2**20)) for _ in range(whole)) + stream.compress(bytes(rest)) + stream.flush()
