"""Image files and bytes to arrays, without losing bit depth, in their own size or another."""

import io
import math
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MAX_PIXELS = 178_956_970  # Pillow's own guard against decompression bombs
MAX_BYTES = 4 * MAX_PIXELS  # decoded: what the largest picture of four channels takes
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")  # of Pillow; others start programs or read other files
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how such a file begins


class UnreadableImage(Exception):
    """A file that can't be decoded. ``reason`` is one word: empty, truncated, not_an_image, too_big."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """A decoded file: ``pixels`` (h, w) or (h, w, c), its ``format`` ("PNG", "TIFF", …), the number of ``pages``
    (the first is decoded) and when it was ``captured`` (ISO text from EXIF; "" if the file doesn't say)."""

    pixels: np.ndarray
    format: str
    pages: int
    captured: str


def read_image(path: str | Path) -> np.ndarray:
    """Decode a file to (h, w) or (h, w, c) in its own depth; see :func:`open_image`."""
    return open_image(path).pixels


def open_image(path: str | Path) -> Picture:
    """Decode a file in its own depth: uint8, uint16 or float32; of several pages the first.

    Deep images keep their depth (never ``.convert("RGB")``, which saturates 16-bit grey); 12 bits come in uint16. A
    palette becomes RGB, 1 bit becomes 0/255, CMYK becomes RGB. A picture that EXIF calls turned or mirrored is set
    upright. What a file is, its first bytes tell, whatever its name.

    Raises
    ------
    UnreadableImage
        If the file is empty, cut short, no image, or larger than ``MAX_PIXELS`` or ``MAX_BYTES``.
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no such file, it may not be read, or is a folder.
    """
    facts = Path(path).stat()
    if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
        # opening it could wait for ever
        raise UnreadableImage("not_an_image", "a pipe or a device")
    if facts.st_size == 0 and stat.S_ISREG(facts.st_mode):
        raise UnreadableImage("empty", "0 bytes")
    with open(path, "rb") as file:
        return decode(file)


def decode(file: BinaryIO) -> Picture:
    """Decode an open file, or bytes in a BytesIO; see :func:`open_image`."""
    try:
        head = file.read(4)
        file.seek(0)
        return _open_tiff(file) if head in TIFF else _open_pillow(file)
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImage("not_an_image", str(error)) from error
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage("too_big", str(error)) from error
    except Exception as error:  # broken bytes make decoders raise anything, even AttributeError
        raise UnreadableImage("truncated", str(error)) from error


def _open_pillow(file: BinaryIO) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableImage("too_big", f"{image.width} x {image.height} pixels")
        kind, pages = image.format or "", getattr(image, "n_frames", 1)
        deep = image.mode in ("RGB", "RGBA", "LA") and "16B" in str(image.tile[:1])
        image.load()
        turned, captured = _exif(image)
        if image.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV"):
            image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L")
        pixels = np.asarray(image)
    if deep:  # Pillow keeps 8 of the 16 bits of a colour PNG
        import imagecodecs  # 0.1 s

        file.seek(0)
        pixels = imagecodecs.png_decode(file.read())
    if pixels.dtype == np.int32:  # how Pillow holds 16-bit grey PNG of some modes
        pixels = pixels.astype(np.uint16)
    return Picture(_upright(pixels, turned), kind, pages, captured)


def _exif(image: Image.Image) -> tuple[object, str]:
    """Orientation and time of capture; a broken EXIF tells nothing, but the picture may be whole."""
    try:
        exif = image.getexif()
        taken = exif.get_ifd(_EXIF).get(_TAKEN) or exif.get(_SAVED)
        return exif.get(_TURNED), _captured(taken)
    except Exception:  # broken bytes again
        return None, ""


def _open_tiff(file: BinaryIO) -> Picture:
    import tifffile  # 0.1 s; needed for TIFF alone

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        _check_size(page)
        if page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:
            _check_pictures_inside(file, page)
        pixels = page.asarray(maxworkers=1)
        if page.axes not in ("YX", "YXS", "SYX") or pixels.shape != page.shape or not pixels.size:
            raise UnreadableImage("not_an_image", f"an array of {page.axes} {pixels.shape}")
        pixels = _meant(page, pixels)
        turned, saved = page.tags.valueof(_TURNED), page.tags.valueof(_SAVED)
        return Picture(_upright(pixels, turned), "TIFF", len(tiff.pages), _captured(saved))


def _check_size(page) -> None:
    """Refuse a page, before memory is taken for it, that is huge or lacks strips (never written memory would show)."""
    tile = math.prod(page.chunks) * page.dtype.itemsize if page.is_tiled else 0
    # nbytes first: it refuses a width that is a tuple, which the product would repeat
    if max(page.nbytes, tile) > MAX_BYTES or page.imagewidth * page.imagelength > MAX_PIXELS:
        raise UnreadableImage("too_big", f"{page.shape}")
    if not page.is_contiguous and len(page.dataoffsets) < math.prod(page.chunked):
        raise UnreadableImage("truncated", f"{len(page.dataoffsets)} strips of {page.chunked}")


def _check_pictures_inside(file: BinaryIO, page) -> None:
    """Refuse strips that are JPEG, JPEG 2000, … of more pixels than a strip has: they are decoded whole.

    Those that Pillow doesn't know (JPEG XL, JPEG XR, LERC) are refused, for nothing limits their size.
    """
    for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(start)
        strip = file.read(length)
        if strip:
            with Image.open(io.BytesIO(strip), formats=(*FORMATS, "JPEG2000")) as image:
                if image.width * image.height > math.prod(page.chunks):
                    raise UnreadableImage("too_big", f"a strip of {image.size} in {page.shape}")


def _meant(page, pixels: np.ndarray) -> np.ndarray:
    """Pixels of a TIFF as they are to be seen: planes together, white bright, a palette or CMYK as RGB."""
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, 2)
    if page.photometric == 0 and pixels.dtype.kind in "bu":  # 0 is white
        pixels = ~pixels if pixels.dtype == bool else 2**page.bitspersample - 1 - pixels
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if page.photometric == 3 and page.colormap is not None and pixels.dtype == np.uint8:
        return (page.colormap >> 8).astype(np.uint8).T[pixels]
    if page.photometric == 5 and pixels.dtype == np.uint8 and pixels.shape[2:] == (4,):
        return np.asarray(Image.fromarray(pixels, "CMYK").convert("RGB"))
    if pixels.dtype.kind not in "iuf":
        raise UnreadableImage("not_an_image", f"pixels of type {pixels.dtype}")
    if pixels.dtype not in (np.uint8, np.uint16):
        with np.errstate(over="ignore"):  # a value that float32 can't hold is infinite
            pixels = pixels.astype(np.float32)
    return pixels


_TURNED, _SAVED, _EXIF, _TAKEN = 274, 306, 0x8769, 36867  # tags of TIFF 6.0 and EXIF 2.3


def _upright(pixels: np.ndarray, turned: object) -> np.ndarray:
    """Undo an orientation of TIFF 6.0: 2 mirrored, 3 upside down, 6 a quarter to the left, …"""
    turned = turned if isinstance(turned, int) else 1
    if turned in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(turned, 0)
    return np.ascontiguousarray(np.rot90(pixels, quarters))


def _captured(stamp: object) -> str:
    """``2026:04:01 08:30:00`` as EXIF writes it to ``2026-04-01T08:30:00``; anything else to ""."""
    try:
        return datetime.strptime(str(stamp).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return ""


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize (h, w) or (h, w, c) to (size, size, c), smoothed so that nothing aliases; the dtype stays.

    The picture is stretched if it is not square: a crop could cut the defect away.
    """
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if planes.shape[:2] == (size, size):
        return planes
    out = np.empty((size, size, planes.shape[2]), dtype=pixels.dtype)
    for c in range(planes.shape[2]):
        plane = planes[:, :, c]
        image = Image.fromarray(plane if plane.dtype == np.uint8 else plane.astype(np.float32))
        small = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
        out[:, :, c] = np.rint(small) if np.issubdtype(pixels.dtype, np.integer) else small
    return out
