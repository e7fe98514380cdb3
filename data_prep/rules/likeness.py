"""Is it the same picture? Fingerprints that name the few nearest of each, and the proof by pixels.

Parts before a fixture are alike to the last edge, so likeness alone proves nothing. Fingerprints are therefore read
against what the whole set shares, and two pictures are one only if their grain is the same too: noise of the sensor
and the finest texture, which no second shot repeats.
"""

from functools import cached_property

import numpy as np
from scipy.fft import fft2, irfft2, rfft2
from scipy.ndimage import gaussian_filter, uniform_filter

from natkit.core.stats import robust_spread
from natkit.data.decoding import resize

FINGER_SIDE, REACH = 64, 20  # pixels; waves across the picture that the fingerprint knows
NEAREST = 3  # of each picture that are nominated: a copy is the very nearest
SERIES = 20  # beyond so many of one picture they count as alike, not as copies
LEAD = 0.75  # of the distance to the one of that rank: what is no nearer stands out by nothing
FEW = 10  # pictures; of so few all pairs are compared, since they have no usual one
BLOCK = 512  # rows of the distance table at once: 40 MB for 20,000 pictures
SIDE = 150  # pixels that two pictures are compared at
DETAIL = (1.0, 4.0)  # between these widths of blur (pixels) both must show the same
# Copies planted in solar cells, steel, boards and drawn parts (brighter, shifted by a pixel, JPEG 80, 0.75 as large)
# reach 0.99 and leave 0.07; different ones 0.99 too, but leave 0.08 of some window, boards with a fault 0.15.
SAME, LEFT_OVER, WINDOW = 0.96, 0.10, 7
FINE = 2  # times as many pixels for the grain, which is what is finer than 1.5 of them
GRAIN = 0.08  # copies reach 0.12 even as JPEG 50, others 0.04 where it is noise
LEVEL = 0.05  # grey levels of 255; a grain below it is none
EDGE, FARTHEST = (
    9,
    18,
)  # pixels left out at the border, beside those that a shift brings in; the farthest shift


def fingerprint(grey: np.ndarray) -> np.ndarray:
    """float32 (d,): log strength of the long waves of a picture (h, w), whatever its place, size and gain."""
    small = resize(grey, FINGER_SIDE)[:, :, 0]
    strength = np.abs(fft2(small - small.mean()))[_waves()]
    return np.log(strength + 1e-3 * strength.mean() + 1e-6)


def _waves() -> np.ndarray:
    """bool (64, 64): one of each pair of opposite waves; the first few tell of light alone."""
    y, x = np.meshgrid(*[np.fft.fftfreq(FINGER_SIDE, 1 / FINGER_SIDE)] * 2, indexing="ij")
    length = np.hypot(y, x)
    return (length > 1) & (length <= REACH) & ((x > 0) | ((x == 0) & (y > 0)))


def nominate(fingers: np.ndarray) -> set[tuple[int, int]]:
    """Pairs (i, j), i < j, of which one is among the 3 nearest of the other and stands out from the next 20.

    Parameters
    ----------
    fingers
        float (n, d) of :func:`fingerprint`; changed in place.

    Returns
    -------
    At most 3 n pairs. Of up to 10 pictures all.

    Notes
    -----
    20,000 pictures take about 10 s on two cores, and grow with the square; memory 2.5 kB a picture.
    """
    n = len(fingers)
    if n <= FEW:
        return {(i, j) for j in range(n) for i in range(j)}
    fingers -= np.median(fingers, axis=0)
    fingers -= np.median(fingers, axis=1, keepdims=True)
    fingers /= robust_spread(fingers, 0.0, axis=0) + 1e-3
    np.clip(fingers, -3, 3, out=fingers)
    fingers /= np.linalg.norm(fingers, axis=1, keepdims=True) + 1e-9
    rank, pairs = min(SERIES, n // 2), set()
    for start in range(0, n, BLOCK):
        far = 1 - fingers[start : start + BLOCK] @ fingers.T
        rows = np.arange(len(far))
        far[rows, rows + start] = np.inf
        near = np.argpartition(far, rank, axis=1)[:, : rank + 1]
        value = np.take_along_axis(far, near, axis=1)
        order = np.argsort(value, axis=1)
        near, value = (np.take_along_axis(a, order, axis=1) for a in (near, value))
        found = value[:, :NEAREST] <= LEAD * value[:, [rank]]
        for row, place in zip(*np.nonzero(found), strict=True):
            i, j = int(row) + start, int(near[row, place])
            pairs.add((min(i, j), max(i, j)))
    return pairs


class Look:
    """One picture (h, w), ready to be compared.

    ``detail``: float32 (150, 150) of length 1. ``waves``: its spectrum.
    """

    def __init__(self, grey: np.ndarray):
        self._fine = resize(grey, FINE * SIDE)[:, :, 0]
        grey = resize(self._fine, SIDE)[:, :, 0]
        detail = gaussian_filter(grey, DETAIL[0]) - gaussian_filter(grey, DETAIL[1])
        detail -= detail.mean(
            axis=1, keepdims=True
        )  # what a whole row or column shares: busbars, edges of a fixture
        detail -= detail.mean(axis=0, keepdims=True)
        detail = _clipped(detail, detail.std())
        self.detail = detail / max(float(np.linalg.norm(detail)), 1e-9)
        self.waves = rfft2(self.detail)

    @cached_property
    def grain(self) -> np.ndarray:
        """float32 (300, 300): noise and the finest texture."""
        return self._fine - self._soft

    @cached_property
    def flat(self) -> np.ndarray:
        """bool (300, 300): where next to nothing but grain is to be seen."""
        slope = gaussian_filter(np.hypot(*np.gradient(self._soft)), 3)
        inner = (slice(FINE * EDGE, -FINE * EDGE),) * 2
        out = np.zeros(slope.shape, bool)
        out[inner] = slope[inner] <= np.quantile(slope[inner], 0.4)
        return out

    @cached_property
    def _soft(self) -> np.ndarray:
        return gaussian_filter(self._fine, 1.5)


def alike(one: Look, other: Look) -> float | None:
    """Correlation of the detail of two pictures at their best shift; None if they are not one picture.

    They are not if the correlation is below 0.96, if they lie more than 18 of 150 pixels off, if some window of 7
    shows in one what the other lacks (a tenth of what is there: a defect), or if both have grain and it differs.
    """
    same, y, x = _shift(one.waves, other.waves)
    lost = EDGE + int(np.ceil(max(abs(y), abs(x))))
    if same < SAME or lost > EDGE + FARTHEST:
        return None
    moved = _moved(other.detail, y, x)
    left = uniform_filter((one.detail - same * moved) ** 2, WINDOW)
    there = (uniform_filter(one.detail**2, WINDOW) + uniform_filter(moved**2, WINDOW)) / 2
    share = left / (there + 1 / SIDE**2)
    if share[lost:-lost, lost:-lost].max() > LEFT_OVER:
        return None
    grains = one.grain[one.flat], _moved(other.grain, FINE * y, FINE * x)[one.flat]
    a, b = (_clipped(grain, robust_spread(grain, 0.0) + 1e-6) for grain in grains)
    if min(a.std(), b.std()) > LEVEL and np.corrcoef(a, b)[0, 1] < GRAIN:
        return None
    return min(same, 1.0)


def _clipped(values: np.ndarray, spread: float) -> np.ndarray:
    return values.clip(-4 * spread, 4 * spread)


def _shift(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """(correlation, y, x) where two pictures fit best, to an eighth of a pixel, from their spectra."""
    cross = one * np.conj(other)
    whole = irfft2(cross, s=(SIDE, SIDE))
    y, x = np.unravel_index(int(whole.argmax()), whole.shape)
    steps = np.linspace(-0.75, 0.75, 13)
    fx = np.arange(SIDE // 2 + 1)
    cross *= np.where((fx == 0) | (fx == SIDE // 2), 1, 2)  # the other half of the spectrum
    fine = (_turns(SIDE, y + steps, 1) @ cross @ _turns(SIDE, x + steps, 1)[:, fx].T).real / SIDE**2
    i, j = np.unravel_index(int(fine.argmax()), fine.shape)
    y, x = ((at + SIDE // 2) % SIDE - SIDE // 2 for at in (y, x))  # to the nearer side
    return float(fine[i, j]), y + steps[i], x + steps[j]


def _moved(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    """The picture (n, n) shifted by parts of a pixel; what leaves on one side comes in on the other."""
    n = len(picture)
    rows, columns = (_turns(n, np.array([by]), -1)[0] for by in (y, x))
    return irfft2(rfft2(picture) * rows[:, None] * columns[: n // 2 + 1], s=picture.shape)


def _turns(n: int, by: np.ndarray, sign: int) -> np.ndarray:
    """complex64 (k, n): how much each wave of n pixels turns when it is shifted by each of k distances."""
    return np.exp(sign * 2j * np.pi / n * np.outer(by, np.fft.fftfreq(n, 1 / n))).astype(
        np.complex64
    )
