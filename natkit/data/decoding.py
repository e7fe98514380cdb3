"""Image files and bytes to arrays, without losing bit depth, in their own size or another."""

import io
import math
import stat
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from natkit.data import colours, invalid

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".jif",
    ".tif",
    ".tiff",
    ".bmp",
    ".dib",
    ".webp",
)
SUFFIXES += (".avif", ".gif", ".pgm", ".pbm", ".ppm", ".pnm")
MAX_PIXELS = 178_956_970  # Pillow's own guard against decompression bombs
MAX_BYTES = 4 * MAX_PIXELS  # decoded: what the largest picture of four channels takes
# Of Pillow; others start programs or read other files.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "WEBP", "AVIF", "GIF", "PPM")
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how such a file begins
OTHER = (  # formats that are not read: where their mark stands, the mark, the name
    (4, b"ftypheic", "HEIC"), (4, b"ftypheix", "HEIC"), (4, b"ftypheim", "HEIC"), (4, b"ftypheis", "HEIC"),
    (4, b"ftyphev", "HEIC"), (4, b"ftypmif1", "HEIC"), (4, b"ftypmsf1", "HEIC"), (4, b"ftypavi", "AVIF"),
    (4, b"jP  ", "JPEG 2000"), (0, b"\xff\x4f\xff\x51", "JPEG 2000"), (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"), (0, b"II\xbc\x01", "JPEG XR"), (0, b"8BPS", "Photoshop"),
    (0, b"v/1\x01", "OpenEXR"), (0, b"#?RADIANCE", "Radiance HDR"), (0, b"SIMPLE  =", "FITS"),
    (128, b"DICM", "DICOM"), (0, b"P7\n", "PAM"), (0, b"Pf\n", "PFM"), (0, b"PF\n", "PFM"),
    (0, b"qoif", "QOI"), (0, b"<svg", "SVG"), (0, b"DDS ", "DDS"), (0, b"\0\0\1\0", "ICO"),
    (0, b"%PDF", "PDF"), (0, b"\x89HDF", "HDF5"), (0, b"\x93NUMPY", "NumPy"), (4, b"ftyp", "video"),
)  # fmt: skip
HEAD = 132  # bytes in which every mark stands


class UnreadableImage(Exception):
    """A file that can't be decoded. ``reason`` is one word: empty, truncated, not_an_image, too_big, other_format,
    colour_space, no_measurement. ``kind``: the format or colour space that is not read, or ""."""

    def __init__(self, reason: str, detail: str, kind: str = ""):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.kind = kind


@dataclass(frozen=True)
class Picture:
    """A decoded file: ``pixels`` (h, w) or (h, w, c), its ``format`` ("PNG", "TIFF", …), the number of ``pages``
    (the first is decoded), when it was ``captured`` (ISO text from EXIF; "" if the file doesn't say), the share 0..1
    of ``invalid`` pixels, and whether it is a ``grey`` picture that was stored in three equal channels."""

    pixels: np.ndarray
    format: str
    pages: int
    captured: str
    invalid: float = 0.0
    grey: bool = False


def read_image(path: str | Path) -> np.ndarray:
    """Decode a file to (h, w) or (h, w, c) in its own depth; see :func:`open_image`."""
    return open_image(path).pixels


def open_image(path: str | Path) -> Picture:
    """Decode a file in its own depth: uint8, uint16 or float32; of several pages the first.

    Deep images keep their depth (never ``.convert("RGB")``, which saturates 16-bit grey); 12 bits come in uint16. A
    palette becomes RGB, 1 bit becomes 0/255, CMYK, YCbCr and L*a*b* become RGB, and three equal channels one. Pixels
    that hold no measurement (NaN, -9999: :func:`natkit.data.invalid.masked`) get the median of the others. A picture
    that EXIF calls turned or mirrored is set upright. What a file is, its first bytes tell, whatever its name.

    Raises
    ------
    UnreadableImage
        If the file is empty, cut short, no image, larger than ``MAX_PIXELS`` or ``MAX_BYTES``, of a format or
        colour space that is not read, or without any measurement.
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
        head = file.read(HEAD)
        file.seek(0)
        return _as_meant(_open_tiff(file) if head[:4] in TIFF else _open_pillow(file))
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:
        if other := next((n for at, mark, n in OTHER if head[at:].startswith(mark)), None):
            said = f"{other}, a format that is not read: save it as PNG or TIFF"
            raise UnreadableImage("other_format", said, other) from error
        raise UnreadableImage("not_an_image", str(error)) from error
    except colours.UnknownColours as error:
        said = f"{error}, which is not converted: save it as RGB or grey"
        raise UnreadableImage("colour_space", said, str(error)) from error
    except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableImage("too_big", str(error)) from error
    except Exception as error:  # broken bytes make decoders raise anything, even AttributeError
        raise UnreadableImage("truncated", str(error)) from error


def _as_meant(picture: Picture) -> Picture:
    """Three equal channels are one, and what holds no measurement is no extreme value."""
    pixels = picture.pixels
    grey = pixels.ndim == 3 and pixels.shape[2] == 3 and _equal_channels(pixels)
    try:
        pixels, invalid_share = invalid.masked(pixels[:, :, 0].copy() if grey else pixels)
    except ValueError as error:
        raise UnreadableImage("no_measurement", str(error)) from error
    return replace(picture, pixels=pixels, grey=grey, invalid=invalid_share)


def _equal_channels(pixels: np.ndarray) -> bool:
    some = pixels[:: max(1, len(pixels) // 8)]  # most pictures in colour are told by a few lines
    return all(
        np.array_equal(part[:, :, 0], part[:, :, k], equal_nan=part.dtype.kind == "f")
        for part in (some, pixels)
        for k in (1, 2)
    )


def in_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """A grey picture as (h, w, 3) where its set holds 3 ``channels``; any other as it is."""
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    if not grey or channels != 3:
        return pixels
    return np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2)


def _open_pillow(file: BinaryIO) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UnreadableImage("too_big", f"{image.width} x {image.height} pixels")
        kind, pages = image.format or "", getattr(image, "n_frames", 1)
        most = image.tile[0].args if kind == "PPM" and image.mode == "RGB" else ""
        if isinstance(most, tuple) and most[1] > 255:
            raise UnreadableImage(
                "other_format", "Pillow keeps 8 of its bits: save it as TIFF", "PPM, 16 bit"
            )
        deep = image.mode in ("RGB", "RGBA", "LA") and "16B" in str(image.tile[:1])
        image.load()
        turned, captured = _exif(image)
        if image.mode == "CMYK":
            # Pillow turns every JPEG of four inks round, but only those with Adobe's mark are stored so.
            inks = np.asarray(image)
            pixels = colours.of_inks(inks if "adobe" in image.info else 255 - inks)
        elif image.mode in ("LAB", "HSV"):
            raise colours.UnknownColours(image.mode)
        else:
            if image.mode in ("P", "PA", "YCbCr", "RGBX"):
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
        packed = page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS
        if packed:
            _check_whole(page, tiff.filehandle.size)
            _check_pictures_inside(file, page)
        elif page.photometric == colours.YCBCR and page.tags.valueof(
            colours.SUBSAMPLING, (2, 2)
        ) != (1, 1):
            raise colours.UnknownColours("YCBCR with fewer chromas than pixels")
        pixels = page.asarray(maxworkers=1)
        if page.axes not in ("YX", "YXS", "SYX") or pixels.shape != page.shape or not pixels.size:
            raise UnreadableImage("not_an_image", f"an array of {page.axes} {pixels.shape}")
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, 2)
        pixels = _numbers(colours.of_tiff(page, pixels, packed))
        turned, saved = page.tags.valueof(_TURNED), page.tags.valueof(_SAVED)
        return Picture(_upright(pixels, turned), "TIFF", len(tiff.pages), _captured(saved))


def _check_whole(page, size: int) -> None:
    """Refuse pictures inside that end after the file does: their decoders fill up what is missing."""
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if (end := max(ends, default=0)) > size:
        raise UnreadableImage("truncated", f"{size} bytes, but its strips reach to {end}")


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


def _numbers(pixels: np.ndarray) -> np.ndarray:
    """Pixels as uint8, uint16 or float32."""
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
