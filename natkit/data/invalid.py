"""Pixels that hold no measurement: NaN, infinity, and one value far outside all others, such as -9999."""

import numpy as np

# How many times the range of all other pixels a value has to lie outside that range:
FAR = 100.0  # any value of a float picture; a black hole in a plain ground is less far out
FAR_16 = 15.0  # 0 and 65535; from 12 bits in 16, white is just as far out
KNOWN_FAR = 0.25  # one of those that are known to stand for nothing
KNOWN = (
    -9999.0,
    -99999.0,
    -999.0,
    9999.0,
    99999.0,
    -32768.0,
    32767.0,
    65535.0,
)  # in float pictures
NATURAL = (0.0, 1.0)  # black and white of float pictures stand for themselves
MOST = 4  # different values at either end


def masked(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """``pixels`` (h, w) or (h, w, c) with what holds no measurement at the median of its channel, and its share 0..1.

    In float pictures: NaN, infinity, and single values that lie a hundred times the range of all other pixels
    outside it (a fourth of it for -9999 and its like). In uint16: 0 or 65535, fifteen times the range outside it, so
    that neither a black hole nor glare is taken for it. Pixels of 8 bits always hold something.

    Raises
    ------
    ValueError
        If no pixel of a channel holds a measurement.
    """
    if pixels.dtype not in (np.uint16, np.float32):
        return pixels, 0.0
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels
    out, gone = None, np.zeros(planes.shape[:2], bool)
    for c in range(planes.shape[2]):
        bad = _invalid(planes[:, :, c])
        if bad is None:
            continue
        if bad.all():
            raise ValueError("no pixel holds a measurement")
        out = planes.copy() if out is None else out
        out[:, :, c][bad] = np.median(planes[:, :, c][~bad]).astype(pixels.dtype)
        gone |= bad
    return (pixels, 0.0) if out is None else (out.reshape(pixels.shape), float(gone.mean()))


def _invalid(plane: np.ndarray) -> np.ndarray | None:
    """bool (h, w), or None if all pixels hold something."""
    whole = plane.dtype == np.uint16
    bad = np.zeros(plane.shape, bool) if whole else ~np.isfinite(plane)
    if bad.all():
        return bad
    for _ in range(MOST):
        good = plane[~bad] if bad.any() else plane.ravel()
        low, high = good.min(), good.max()
        ends = (low, high) if not whole else {low, high} & {0, 65535}
        far = next((end for end in ends if _is_far(good, end)), None)
        if far is None:
            break
        bad |= plane == far
    return bad if bad.any() else None


def _is_far(good: np.ndarray, end: np.generic) -> bool:
    """Does this extreme value lie outside all others, seen from their own range?"""
    others = good[good != end]
    if not others.size:
        return False
    low, high = float(others.min()), float(others.max())
    gap = max(low - float(end), float(end) - high)
    if good.dtype == np.uint16:
        need = FAR_16
    elif float(end) in KNOWN:
        need = KNOWN_FAR
    else:
        need = np.inf if float(end) in NATURAL else FAR
    return high > low and gap >= need * (high - low)
