"""Random views of a batch, on the device that trains."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Views:
    """How a view may differ from its image: what the encoder learns to ignore.

    A change listed here must not matter for the question: with ``turn`` a part that lies the wrong
    way round looks like any other.
    """

    crop: tuple[float, float] = (0.6, 1.0)  # share of the area that is kept
    flip: bool = True  # left-right
    turn: bool = False  # up-down and quarter turns
    brightness: float = 0.2  # factor 1 ± this
    contrast: float = 0.2  # factor 1 ± this
    blur: float = 0.5  # share of the images that are blurred a little

    def __post_init__(self):
        low, high = self.crop
        if not 0 < low <= high <= 1:
            raise ValueError(f"crop is (least, most) share of the area in (0, 1], got {self.crop}.")
        for name in ("brightness", "contrast", "blur"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies in [0, 1], got {getattr(self, name)}.")
        object.__setattr__(self, "crop", (float(low), float(high)))  # JSON gives a list


def view(images: Tensor, views: Views, generator: torch.Generator) -> Tensor:
    """One random view of every image.

    Parameters
    ----------
    images
        float32 (n, c, h, w), scaled so that 0 is black.
    views
        What may change.
    generator
        On the device of the images.

    Returns
    -------
    Tensor
        float32 (n, c, h, w). Cost: one bilinear resampling and one 3×3 blur a batch.
    """
    n, c, _, _ = images.shape
    device = images.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator, device=device)

    # Crop: an affine map from the view's square to a smaller rectangle inside the image.
    area, ratio = uniform(*views.crop), uniform(math.log(3 / 4), math.log(4 / 3)).mul(0.5).exp()
    half_w = torch.minimum(torch.maximum(area.sqrt() * ratio, area), torch.ones_like(area))
    half_h = area / half_w  # the area stays as drawn, and neither side leaves the image
    map_ = torch.zeros(n, 2, 3, device=device)
    map_[:, 0, 0] = half_w * _sign(uniform(0, 1), views.flip)
    map_[:, 1, 1] = half_h * _sign(uniform(0, 1), views.turn)
    map_[:, 0, 2] = (1 - half_w) * uniform(-1, 1)
    map_[:, 1, 2] = (1 - half_h) * uniform(-1, 1)
    if views.turn:  # a quarter turn swaps the two axes of the view's square
        turned = uniform(0, 1) < 0.5
        map_[turned, :, :2] = map_[turned, :, :2].flip(2)
    grid = functional.affine_grid(map_, images.shape, align_corners=False)
    out = functional.grid_sample(images, grid, align_corners=False, padding_mode="reflection")

    mean = out.mean(dim=(1, 2, 3), keepdim=True)
    contrast = uniform(1 - views.contrast, 1 + views.contrast)[:, None, None, None]
    brightness = uniform(1 - views.brightness, 1 + views.brightness)[:, None, None, None]
    out = ((out - mean) * contrast + mean) * brightness

    row = torch.tensor([0.25, 0.5, 0.25], device=device)
    kernel = (row[:, None] * row).expand(c, 1, 3, 3)
    soft = functional.conv2d(functional.pad(out, (1, 1, 1, 1), "replicate"), kernel, groups=c)
    share = uniform(0, 1) * (uniform(0, 1) < views.blur)
    return torch.lerp(out, soft, share[:, None, None, None])


def _sign(chance: Tensor, allowed: bool) -> Tensor:
    """-1 for half of the images if a flip is allowed, else 1."""
    return torch.where(chance < 0.5, -1.0, 1.0) if allowed else torch.ones_like(chance)
