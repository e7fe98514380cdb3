"""A small production line drawn with numpy: flanges and plates, four finishes, four defect kinds.

A part is a height-and-paint picture made of signed distances (negative inside), lit and seen by one
of three cameras. About 2 ms a part of 128 × 128 pixels.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 128
FINISHES = ("turned", "brushed", "cast", "painted")
CAMERAS = ("A", "B", "C")
DEFECTS = ("scratch", "dent", "stain", "missing_hole")
_Y, _X = np.mgrid[:SIZE, :SIZE].astype(np.float32) - (SIZE - 1) / 2
# camera: direction of the light, gain, colour of the light, one pixel of blur, sensor noise (levels
# of 1)
_OPTICS = {
    "A": ((-0.7, -0.7), 1.00, (1.00, 1.00, 1.00), False, 0.012),
    "B": ((0.8, -0.5), 0.93, (1.04, 1.00, 0.93), False, 0.016),
    "C": ((-0.2, 0.9), 1.05, (0.96, 1.00, 1.05), True, 0.020),
}
_PAINTS = ((0.62, 0.65, 0.68), (0.42, 0.52, 0.60), (0.66, 0.60, 0.48), (0.50, 0.56, 0.47))


@dataclass(frozen=True)
class Lot:
    """What the parts of one lot share: the form, the finish and its paint."""

    flange: bool
    finish: str
    paint: tuple[float, float, float]
    grain: float  # strength of the finish, 0.5 to 1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Lot":
        paint = np.array(_PAINTS[rng.integers(len(_PAINTS))]) * rng.uniform(0.92, 1.08)
        finish = FINISHES[rng.integers(len(FINISHES))]
        return cls(bool(rng.random() < 0.5), finish, tuple(paint), rng.uniform(0.5, 1.0))


def noise_bank(rng: np.random.Generator) -> np.ndarray:
    """Smooth noise to cut windows from: float32 (3, 384, 384), unit spread, coarse to fine."""
    white = rng.standard_normal((3, 384, 384)).astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(384)[:, None], np.fft.rfftfreq(384)[None, :])
    for layer, width in enumerate((14.0, 3.0, 0.9)):  # pixels
        low = np.exp(-2 * (np.pi * width * frequency) ** 2)
        white[layer] = np.fft.irfft2(np.fft.rfft2(white[layer]) * low)
    return white / white.std(axis=(1, 2), keepdims=True)


def draw_part(
    lot: Lot, camera: str, defect: str | None, bank: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One picture of one part, uint8 (128, 128, 3).

    ``defect`` is one of ``DEFECTS`` or None. The size, place and strength of a defect vary so that
    the weakest ones can barely be seen, as on a real line. ``rng`` is the part's: an equal one and
    another camera give the same part in another pose.
    """
    shot = np.random.default_rng([int(rng.integers(2**32)), CAMERAS.index(camera)])
    light, gain, tint, blurred, noise = _OPTICS[camera]
    turn = shot.uniform(0, 2 * np.pi) if lot.flange else shot.normal(0, 0.05)
    x, y = _turned(_X - shot.normal(0, 2), _Y - shot.normal(0, 2), turn)
    coarse, middle, fine = (_window(layer, rng) for layer in bank)

    outline, holes = _form(lot, x, y, rng if defect == "missing_hole" else None)
    body = np.maximum(outline, -holes)  # inside the outline and outside every hole
    mask = np.clip(0.5 - body, 0, 1)
    height = np.clip(-body / 3.5, 0, 1)  # a chamfer of 3.5 pixels round every edge
    shade = _finish(lot, x, y, coarse, middle, fine)
    if defect == "scratch":
        shade += _scratch(x, y, rng)
    elif defect == "dent":
        height -= _dent(x, y, rng)
    elif defect == "stain":
        shade -= _stain(x, y, coarse, middle, rng)
    slope_y, slope_x = np.gradient(height)
    lit = 1 + shade - 0.45 * (light[0] * slope_x + light[1] * slope_y) * 2
    lit += 0.06 * (light[0] * _X + light[1] * _Y) / SIZE

    shadow = 0.10 * np.clip(1 - np.roll(body, (3, 3), (0, 1)) / 8, 0, 1)
    floor = 0.17 + 0.018 * middle + 0.012 * fine - shadow
    picture = mask[..., None] * lit[..., None] * np.array(lot.paint, np.float32)
    picture += ((1 - mask) * floor)[..., None]
    picture *= np.array(tint, np.float32) * (gain * shot.normal(1, 0.02))
    if blurred:
        picture[1:-1] = (picture[:-2] + 2 * picture[1:-1] + picture[2:]) / 4
        picture[:, 1:-1] = (picture[:, :-2] + 2 * picture[:, 1:-1] + picture[:, 2:]) / 4
    picture += shot.standard_normal((SIZE, SIZE, 1), np.float32) * noise
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _turned(x, y, angle):
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, c * y - s * x


def _window(layer: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    i, j = rng.integers(0, layer.shape[0] - SIZE, 2)
    return layer[i : i + SIZE, j : j + SIZE]


def _disc(x, y, cx, cy, radius):
    return np.hypot(x - cx, y - cy) - radius


def _form(lot, x, y, skip_by: np.random.Generator | None):
    """Signed distances of the outline and of all holes; ``skip_by`` leaves one hole out."""
    if lot.flange:
        outline, bore = np.hypot(x, y) - 52, np.hypot(x, y) - 15
        angles = np.arange(6) * np.pi / 3
        centres = [(37 * np.cos(a), 37 * np.sin(a), 5.0) for a in angles]
    else:
        inside_x, inside_y = np.abs(x) - 47, np.abs(y) - 37
        outline = np.hypot(np.maximum(inside_x, 0), np.maximum(inside_y, 0))
        outline += np.minimum(np.maximum(inside_x, inside_y), 0) - 8
        bore = np.hypot(np.maximum(np.abs(x) - 12, 0), y) - 9  # a slot
        centres = [(sx * 43, sy * 33, 5.5) for sx in (-1, 1) for sy in (-1, 1)]
        centres += [(0, 33, 4.0), (0, -33, 4.0)]
    if skip_by is not None:
        centres.pop(skip_by.integers(len(centres)))
    holes = bore
    for cx, cy, radius in centres:
        holes = np.minimum(holes, _disc(x, y, cx, cy, radius))
    return outline, holes


def _finish(lot, x, y, coarse, middle, fine):
    if lot.finish == "turned":
        rings = np.hypot(x, y) + 0.5 * coarse
        wave = 0.05 * np.sin(rings * 1.9) + 0.05 * np.cos(2 * np.arctan2(y, x) + coarse * 0.3)
        return lot.grain * (wave + 0.03 * fine)
    if lot.finish == "brushed":
        streaks = fine[:, ::-1].cumsum(axis=1)
        streaks = (streaks[:, 12:] - streaks[:, :-12]) / 12
        return lot.grain * 0.16 * np.pad(streaks, ((0, 0), (6, 6)), mode="edge")
    if lot.finish == "cast":
        return lot.grain * (0.06 * middle + 0.06 * fine)
    return lot.grain * (0.03 * coarse + 0.015 * middle)  # painted: orange peel


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """A point between the bore and the edge of either form, pixels from the middle of the part."""
    angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(20, 33)
    return radius * np.cos(angle), radius * np.sin(angle)


def _scratch(x, y, rng: np.random.Generator):
    cx, cy = _place(rng)
    u, v = _turned(x - cx, y - cy, rng.uniform(0, np.pi))
    off = v - rng.uniform(-0.012, 0.012) * u**2
    along = np.clip(rng.uniform(9, 22) - np.abs(u), 0, 1)
    strength = rng.uniform(0.16, 0.40)
    return (
        strength * along * (np.exp(-((off / 0.8) ** 2)) - 0.7 * np.exp(-(((off - 1.4) / 0.9) ** 2)))
    )


def _dent(x, y, rng: np.random.Generator):
    cx, cy = _place(rng)
    width = rng.uniform(3.0, 5.5)
    return rng.uniform(1.8, 3.6) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))


def _stain(x, y, coarse, middle, rng: np.random.Generator):
    cx, cy = _place(rng)
    spread = np.hypot(x - cx, (y - cy) * rng.uniform(0.7, 1.4)) + 2.0 * middle + 2.0 * coarse
    return rng.uniform(0.10, 0.28) / (1 + np.exp((spread - rng.uniform(6, 11)) / 0.9))
