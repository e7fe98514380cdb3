"""Random views of a batch, on the device that trains: what differs between them, the encoder learns to ignore."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.method.views.signals import PRESETS as OF_SIGNALS
from natkit.method.views.signals import SignalViews, signal_view

SHARES = {"brightness": 1, "contrast": 1, "blur": 1, "saturation": 1, "hue": 0.5, "grey": 1}
Among = tuple[slice, int] | None
CACHED = 2**18  # pixel values worked on at once: what stays in the cache of a CPU core


def _area(name: str, value) -> tuple[float, float]:
    """A pair of shares of the area, checked."""
    try:
        low, high = map(float, value)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not 0 < low <= high <= 1:
        raise InputError(f"{name} is (least, most) share of the area in (0, 1], got {value!r}.")
    return low, high


@dataclass(frozen=True, kw_only=True)
class Views:
    """How a view may differ from its image: what the encoder learns to ignore.

    A change listed here must not matter for the question: with ``turn`` a part that lies the wrong
    way round looks like any other. :func:`preset` has five ready-made choices.

    Small views show a piece of the image in fewer pixels, and are drawn to where the full views of their image
    go: four cost as much as one full view. On digits and solar cells they brought more than as many pixels in
    full views (``quality.py vary`` in tests/benchmarks). ``small=0`` switches them off.
    """

    kind: ClassVar[str] = "images"
    crop: tuple[float, float] = (0.3, 1.0)  # (least, most) share of the area that is kept
    flip: bool = True  # left-right; a mirrored part counts as the same
    turn: bool = False  # quarter turns; with ``flip`` all eight symmetries of the square
    brightness: float = 0.2  # factor 1 ± this
    contrast: float = 0.2  # factor 1 ± this, about the view's mean
    blur: float = 0.5  # share of the images that are blurred a little
    saturation: float = 0.0  # strength of the colours, factor 1 ± this
    hue: float = 0.0  # turn of the colour circle, ± this share of it; 0.5 is any colour
    grey: float = 0.0  # share of the images that lose their colour
    small: int = 4  # small views of each image, beside the full ones
    small_crop: tuple[float, float] = (0.1, 0.4)  # share of the area that a small view keeps
    small_size: float = 0.5  # side of a small view as a share of the full one

    def __post_init__(self):
        for name in ("crop", "small_crop"):  # JSON gives lists
            object.__setattr__(self, name, _area(name, getattr(self, name)))
        for name, most in SHARES.items():
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 <= value <= most):
                raise InputError(f"{name} lies in [0, {most}], got {value!r}. 0 switches it off.")
        if not (isinstance(self.small_size, Real) and 0 < self.small_size <= 1):
            raise InputError(f"small_size lies in (0, 1], got {self.small_size!r}. Try 0.5.")
        if not (isinstance(self.small, Integral) and self.small >= 0):
            raise InputError(f"small is a number of views, got {self.small!r}. Try 0 or 4.")


PRESETS = {  # :func:`preset` says when to choose which
    "fixed_pose": Views(crop=(0.6, 1.0), flip=False),
    "orientation_free": Views(turn=True),
    "texture": Views(crop=(0.15, 0.5), turn=True, brightness=0.3, contrast=0.3),
    "colour_matters": Views(crop=(0.6, 1.0), brightness=0.0, contrast=0.0),
    "natural": Views(
        crop=(0.2, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, grey=0.2
    ),
}


def preset(name: str) -> Views | SignalViews:
    """Views by the name of what the images show.

    ``"fixed_pose"``
        Parts always lie the same way round. Nothing is mirrored or turned, so a part that lies wrong
        or bears a mirrored print stands out. Ignored: small shifts, lighting, slight blur.
    ``"orientation_free"``
        Parts lie any way round, or look the same all ways (cells, wafers, washers). Ignored besides:
        quarter turns and mirror images. If a mirrored part is a fault: ``flip=False``.
    ``"texture"``
        Cloth, steel, wood, leather, where any piece of the surface stands for the whole. Ignored
        besides: where on the surface, and how near. Not for single scratches: a crop may miss them.
    ``"colour_matters"``
        Shade or colour is the question (stains, scorching, coating, fill level by tone). Brightness,
        contrast and hue stay as they are. Ignored: small shifts, mirror images, slight blur.
    ``"natural"``
        Photographs of scenes and things, from any distance, in any light. Ignored: distance, place,
        left and right, lighting, and much of the colour.

    All have four small views of a tenth to two fifths of the area. Change one thing with
    ``dataclasses.replace(preset("colour_matters"), turn=True)``.

    Raises
    ------
    InputError
        For a name that is none of these.
    """
    if name not in PRESETS | OF_SIGNALS:
        raise InputError(
            f"There are no views called {name!r}. Choose one of {', '.join(PRESETS | OF_SIGNALS)}, or pass Views(...)."
        )
    return (PRESETS | OF_SIGNALS)[name]


def view(images: Tensor, views: Views, generator: torch.Generator, among: Among = None) -> Tensor:
    """One random view of every image, as large as the image.

    Parameters
    ----------
    images
        float32 (n, c, h, w), scaled so that 0 is black. Quarter turns stretch what is not square.
    views
        What may change.
    generator
        On the device of the images. Every image has draws of its own; one generator, one result.
    among
        (place, n): these are the images at ``place`` (a slice) of n, and get the views that they would get among all.

    Returns
    -------
    Tensor
        float32 (n, c, h, w). Values are not clipped: what gets brighter may pass the peak.

    Raises
    ------
    InputError
        If saturation, hue or grey is set and the images have neither 3 channels nor 1. (One channel is
        grey, and changes of colour leave grey alone.)

    Notes
    -----
    One bilinear resampling and a few passes in place: 64 images of 96×96 with one channel take about
    3 ms on one CPU core. No step waits for the device.
    """
    if isinstance(views, SignalViews):
        if among is not None and among[1] != len(images):
            raise InputError(
                "Views of vectors and signals need their whole batch in one process. Train them without torchrun."
            )
        return signal_view(images, views, generator)
    return _draw(images, images.shape[2:], views.crop, views, generator, among)


def small_view(
    images: Tensor, views: Views, generator: torch.Generator, among: Among = None
) -> Tensor:
    """One random small view of every image: as :func:`view`, from ``small_crop`` of the area.

    Returns
    -------
    Tensor
        float32 (n, c, s, s): s is the multiple of 8 nearest to ``small_size`` × the side, at least 8.
        Sampled without smoothing, which suits sides that shrink by less than half.
    """
    size = [small_side(side, views) for side in images.shape[2:]]
    return _draw(images, size, views.small_crop, views, generator, among)


def small_side(side: int, views: Views) -> int:
    """Pixels of a small view's side, for a full one of ``side``."""
    return max(8, 8 * round(side * views.small_size / 8))


def _draw(images: Tensor, size, crop: tuple, views: Views, generator, among: Among) -> Tensor:
    """Views of ``size`` (height, width): resampled, then changed in light, colour and sharpness."""
    n, c = images.shape[:2]
    if (views.saturation or views.hue or views.grey) and c not in (1, 3):
        raise InputError(
            f"saturation, hue and grey change the colours of 3 channels, but these images have {c}. "
            "Set the three to 0."
        )
    low, span = _ranges(views, crop, images.device)
    place, whole = among or (slice(None), n)
    chance = torch.rand(len(low), whole, 1, 1, generator=generator, device=images.device)
    draws = torch.addcmul(low, span, chance[:, place]).unbind()
    columns, rows = _axes(size, draws[:6])
    step = n if images.is_cuda else max(1, CACHED // (c * size[0] * size[1]))
    pieces = []
    for piece in zip(*(t.split(step) for t in (images, columns, rows, *draws[6:])), strict=True):
        part, columns, rows, *numbers = piece
        grid = torch.view_as_real(columns + rows)
        part = functional.grid_sample(part, grid, padding_mode="border", align_corners=False)
        _change(part, views, [number[..., None] for number in numbers])
        pieces.append(part)
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces)


@cache
def _ranges(views: Views, crop: tuple, device: torch.device) -> tuple[Tensor, Tensor]:
    """Least value and span of every number that an image draws, used or not: (13, 1, 1, 1) each."""
    ranges = torch.tensor(
        [
            crop,  # area
            (-math.log(4 / 3) / 2, math.log(4 / 3) / 2),  # logarithm of the ratio of sides, halved
            (-1, 1),  # place across
            (-1, 1),  # place down
            (0, 4 if views.turn else 1),  # quarter turns, rounded down
            (-1 if views.flip else 0, 1),  # mirrored if negative
            (1 - views.brightness, 1 + views.brightness),
            (1 - views.contrast, 1 + views.contrast),
            (1 - views.saturation, 1 + views.saturation),
            (-views.hue * 2 * math.pi, views.hue * 2 * math.pi),
            (-views.grey, 1 - views.grey),  # grey if negative
            (0, 0.25),  # blur
            (-views.blur, 1 - views.blur),  # blurred if negative
        ],
        dtype=torch.float32,
        device=device,
    )[:, :, None, None, None]
    return ranges[:, 0], ranges[:, 1] - ranges[:, 0]


def _axes(size, numbers: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """What a view's columns and rows add to where its pixels lie: complex (n, 1, width) and (n, height, 1).

    A point x + iy of an image has both parts in -1..1.
    """
    area, ratio, place_x, place_y, turns, mirror = numbers
    width = (area.sqrt() * ratio.exp()).clamp(max=1).maximum(area)
    height = area / width  # the area stays as drawn, and neither side leaves the image
    middle = torch.complex((1 - width) * place_x, (1 - height) * place_y)
    angle = turns.floor() * (math.pi / 2)
    cos, sin = angle.cos().round(), angle.sin().round()
    across = torch.complex(cos * width, sin * height)  # half a row of the view
    across = torch.where(mirror < 0, -across, across)
    down = torch.complex(-sin * width, cos * height)  # half a column
    y, x = (torch.arange(1 - side, side, 2, device=area.device) / side for side in size)
    return across * x, middle + down * y[:, None]


def _change(out: Tensor, views: Views, numbers: Sequence[Tensor]) -> None:
    """Light, colour and sharpness, in place; what is switched off costs nothing."""
    gain, contrast, saturation, angle, grey, blur, chance = numbers
    if views.brightness or views.contrast:
        mean = out.mean(dim=(1, 2, 3), keepdim=True)
        out.mul_(gain * contrast).add_(mean * gain * (1 - contrast))
    if views.saturation or views.hue or views.grey:
        _recolour(out, saturation * (grey >= 0), angle)
    if views.blur:
        _spread(out, blur * (chance < 0))


def _recolour(out: Tensor, saturation: Tensor, angle: Tensor) -> None:
    """Stretch colours away from grey (the mean of the channels) and turn them about it, in place."""
    grey = out.mean(dim=1, keepdim=True)
    out.sub_(grey)
    quarter = out.roll(1, 1).sub_(out.roll(-1, 1)).div_(math.sqrt(3))
    out.mul_(saturation * angle.cos()).addcmul_(quarter, saturation * angle.sin()).add_(grey)


def _spread(out: Tensor, share: Tensor) -> None:
    """Give ``share`` (at most a quarter) of each pixel's light to either neighbour, in place; none is lost."""
    for dim in (3, 2):
        flow = torch.diff(out, dim=dim)
        side = out.shape[dim] - 1
        out.narrow(dim, 0, side).addcmul_(flow, share)
        out.narrow(dim, 1, side).addcmul_(flow, share, value=-1)
