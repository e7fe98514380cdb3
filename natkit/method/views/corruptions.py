"""What a line does to its pictures: a lamp that fades, a lens out of focus, a part out of place, lost rows."""

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from natkit.core.errors import InputError

KINDS = {  # kind: (least, most) strength
    "brightness": (-1.0, 10.0),  # change of all light: -0.3 is 30 % darker
    "blur": (0.0, 1.0),  # deviation of the blur, as a share of the picture's side
    "shift": (0.0, 1.0),  # way in a random direction, as a share of the side
    "rows": (0.0, 1.0),  # share of the rows that are lost: one black band at a random height
}
LEVELS = {  # from hardly seen to hard: what a test of robustness runs through
    "brightness": (-0.1, -0.2, -0.4),
    "blur": (0.005, 0.01, 0.02),
    "shift": (0.02, 0.05, 0.1),
    "rows": (0.02, 0.05, 0.1),
}


def corrupted(
    pixels: np.ndarray, ids: np.ndarray, kind: str, strength: float, seed: int = 0
) -> np.ndarray:
    """The pictures as they would be under a fault of the line.

    Strengths are shares, so that one strength is the same fault at every size of picture; and an image meets the
    same direction or height at every size, alone or among others.

    Parameters
    ----------
    pixels
        Stored pixels (n, h, w, c): uint8, uint16 or float with 0 as black. They stay as they are.
    ids
        int64 (n,): with ``seed`` they fix what is random in each image.
    kind
        "brightness", "blur", "shift" (what enters at the edge repeats it) or "rows".
    strength
        See ``KINDS``. 0 changes nothing.
    seed
        0 or more.

    Returns
    -------
    ndarray
        As ``pixels`` in shape and dtype; whole numbers are rounded, and clipped at white.

    Raises
    ------
    InputError
        For another kind, or a strength out of its range.

    Notes
    -----
    1,000 grey pictures of 96×96 on one core: "shift" 0.6 s, "blur" 0.1 s, the others 0.03 s.
    """
    if kind not in KINDS:
        raise InputError(f"There is no corruption {kind!r}. Choose one of {', '.join(KINDS)}.")
    low, high = KINDS[kind]
    if not low <= strength <= high:
        raise InputError(
            f"The strength of {kind!r} lies in [{low:g}, {high:g}], got {strength!r}. "
            f"Try {LEVELS[kind][0]:g}."
        )
    out = np.empty(pixels.shape, pixels.dtype)
    whole = np.issubdtype(pixels.dtype, np.integer)
    for row, (picture, index) in enumerate(zip(pixels, ids, strict=True)):
        rng = np.random.default_rng([seed, int(index)])
        changed = _change(picture.astype(np.float32), kind, strength, rng)
        out[row] = np.rint(changed).clip(0, np.iinfo(out.dtype).max) if whole else changed
    return out


def _change(picture: np.ndarray, kind: str, strength: float, rng: np.random.Generator):
    """float32 (h, w, c) → the same, changed."""
    sides, chance = np.array(picture.shape[:2]), rng.random()
    if kind == "brightness":
        return picture * (1 + strength)
    if kind == "blur":
        return gaussian_filter(picture, (*strength * sides, 0), mode="nearest")
    if kind == "shift":
        angle = 2 * np.pi * chance
        way = strength * sides * (np.sin(angle), np.cos(angle))
        return shift(picture, (*way, 0), order=1, mode="nearest")
    lost = round(strength * sides[0])
    first = round(chance * (sides[0] - lost))
    picture[first : first + lost] = 0
    return picture
