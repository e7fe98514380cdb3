"""What the numbers of a picture mean as colours: to grey or RGB, or a name for what can't be told."""

import numpy as np

MINISWHITE, MINISBLACK, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB, ICCLAB = *range(7), 8, 9
LINEAR_RAW, DEPTH, SEMANTIC = 34892, 51177, 52527  # of DNG: as they are
AS_THEY_ARE = (MINISBLACK, RGB, MASK, LINEAR_RAW, DEPTH, SEMANTIC)
JPEG2000 = (33003, 33004, 33005, 34712)  # whose decoder leaves Y, Cb and Cr as they are
COEFFICIENTS, SUBSAMPLING, BLACK_WHITE, INKS = 529, 530, 532, 332  # tags of TIFF 6.0
CMYK = 1  # the set of inks that is cyan, magenta, yellow, black
D50_TO_SRGB = np.array(  # from XYZ under D50 to linear sRGB under D65, adapted after Bradford
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540],
     [0.0719453, -0.2289914, 1.4052427]]
)  # fmt: skip
D50 = np.array([0.9642, 1.0, 0.8249])


class UnknownColours(Exception):
    """A colour space that is not converted; the text is its name."""


def of_tiff(page, pixels: np.ndarray, packed: bool) -> np.ndarray:
    """Pixels (h, w) or (h, w, samples) of a TIFF page as they are to be seen: white bright, everything else RGB.

    Samples beyond the colours, such as how opaque a pixel is, stay behind them. ``packed``: the strips are pictures
    themselves (JPEG, WebP, …).

    Raises
    ------
    UnknownColours
        For CFA, ITULAB, LOGLUV, other inks than CMYK, and numbers of a type that their space does not have.
    """
    space = page.photometric
    name = getattr(space, "name", str(space))
    if pixels.dtype == bool:
        if space in (MINISWHITE, PALETTE):
            pixels = pixels if space == PALETTE else ~pixels
        if space != PALETTE:
            return pixels.astype(np.uint8) * np.uint8(255)
        pixels = pixels.astype(np.uint8)
    if space in AS_THEY_ARE:
        return pixels
    if space == YCBCR and packed and page.planarconfig == 1 and page.compression not in JPEG2000:
        return pixels  # its decoder gave RGB
    samples = pixels if pixels.ndim == 3 else pixels[:, :, None]
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 0
    if space in (CIELAB, ICCLAB) and pixels.dtype in (np.int8, np.int16):
        samples = samples.view(f"u{pixels.dtype.itemsize}")
    if samples.dtype not in (np.uint8, np.uint16):
        raise UnknownColours(f"{name} {pixels.dtype}")
    if space == MINISWHITE:
        return _with_rest(2**page.bitspersample - 1 - samples[:, :, :1], samples, 1, pixels)
    if space == PALETTE and page.colormap is not None:
        return _with_rest(_colours(page.colormap)[samples[:, :, 0]], samples, 1, pixels)
    if page.bitspersample != 8 * samples.dtype.itemsize:
        raise UnknownColours(f"{name} {page.bitspersample} bit")
    if space == SEPARATED and samples.shape[2] >= 4 and page.tags.valueof(INKS, CMYK) == CMYK:
        return _with_rest(of_inks(samples[:, :, :4]), samples, 4, pixels)
    if space == YCBCR and samples.shape[2] >= 3:
        coefficients = _fractions(page.tags.valueof(COEFFICIENTS)) or (0.299, 0.587, 0.114)
        half = (top + 1) // 2
        black_white = _fractions(page.tags.valueof(BLACK_WHITE)) or (0, top, half, top, half, top)
        rgb = of_ycbcr(samples[:, :, :3], coefficients, black_white)
        return _with_rest(rgb, samples, 3, pixels)
    if space in (CIELAB, ICCLAB):
        n = 3 if samples.shape[2] >= 3 else 1
        rgb = of_lab(samples[:, :, :n], signed=space == CIELAB)
        return _with_rest(rgb if n == 3 else rgb[:, :, :1], samples, n, pixels)
    raise UnknownColours(name)


def _with_rest(shown: np.ndarray, samples: np.ndarray, n: int, pixels: np.ndarray) -> np.ndarray:
    """``shown`` (h, w, c) with what follows the first ``n`` samples behind it; (h, w) where one channel is all."""
    rest = samples[:, :, n:]
    if rest.shape[2] and rest.dtype == shown.dtype:
        return np.concatenate([shown, rest], axis=2)
    return shown[:, :, 0] if shown.shape[2] == 1 and pixels.ndim == 2 else shown


def _fractions(values: object) -> tuple[float, ...] | None:
    """Numerators and denominators in turn, as TIFF stores them; None if they are absent or absurd."""
    if not isinstance(values, tuple) or len(values) not in (6, 12) or not all(values[1::2]):
        return None
    return tuple(a / b for a, b in zip(values[::2], values[1::2], strict=True))


def _colours(colormap: np.ndarray) -> np.ndarray:
    """uint8 (entries, 3). Some programs write 8 of the 16 bits."""
    deep = colormap if colormap.max(initial=0) < 256 else colormap >> 8
    return deep.astype(np.uint8).T


def of_inks(cmyk: np.ndarray) -> np.ndarray:
    """Cyan, magenta, yellow, black (h, w, 4), 0 is bare paper, → RGB (h, w, 3) in the same dtype."""
    top = np.iinfo(cmyk.dtype).max
    light = top - cmyk.astype(np.float32)
    return np.rint(light[:, :, :3] * light[:, :, 3:] / top).astype(cmyk.dtype)


def of_ycbcr(
    ycbcr: np.ndarray, coefficients: tuple[float, ...], black_white: tuple[float, ...]
) -> np.ndarray:
    """Luma and two chromas (h, w, 3) → RGB in the same dtype.

    ``coefficients``: shares of red, green and blue in the luma; ``black_white``: code of black and of white (of full
    chroma) for each component.

    References
    ----------
    TIFF 6.0, section 21.
    """
    top = np.iinfo(ycbcr.dtype).max
    black, white = np.array(black_white[::2], float), np.array(black_white[1::2], float)
    span = np.where(white == black, 1, white - black)
    y, cb, cr = np.moveaxis((ycbcr - black) / span * (top, top // 2, top // 2), 2, 0)
    of_red, of_green, of_blue = coefficients
    red, blue = y + (2 - 2 * of_red) * cr, y + (2 - 2 * of_blue) * cb
    green = (y - of_red * red - of_blue * blue) / of_green
    return np.rint(np.dstack([red, green, blue]).clip(0, top)).astype(ycbcr.dtype)


def of_lab(lab: np.ndarray, signed: bool) -> np.ndarray:
    """L*, a*, b* (h, w, 3), or L* alone (h, w, 1), → sRGB (h, w, 3) in the same dtype, white to white.

    ``signed``: a* and b* are two's complements (CIELAB), otherwise shifted by half (ICCLAB).

    References
    ----------
    TIFF 6.0, section 23, and its supplement 1; CIE 15:2004; IEC 61966-2-1 for the curve.
    """
    deep = lab.dtype == np.uint16
    whole = lab.astype(np.float64)
    lightness = whole[:, :, 0] * 100 / ((65280 if not signed else 65535) if deep else 255)
    unit, half = (256, 32768) if deep else (1, 128)
    a, b = (
        ((whole[:, :, k] + half) % (2 * half) - half if signed else whole[:, :, k] - half) / unit
        if lab.shape[2] == 3
        else np.zeros(lab.shape[:2])
        for k in (1, 2)
    )
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=2)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    linear = (xyz @ D50_TO_SRGB.T).clip(0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(shown * np.iinfo(lab.dtype).max).astype(lab.dtype)
