"""Some images beside views of them, for the eye."""

import math

import numpy as np
import torch

from natkit.method.views.images import Views, small_view, view


def preview(
    pixels: np.ndarray, views: Views, n: int = 4, k: int = 4, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Some images and views of them, for the eye (``natkit.show.blocks.figures.views`` draws them).

    Parameters
    ----------
    pixels
        Stored pixels (m, h, w, c): uint8, uint16 or float with 0 as black.
    views
        What may change.
    n, k
        Number of images, spread evenly over ``pixels``, and of full views of each.
    seed
        Of the views.

    Returns
    -------
    images : ndarray
        float32 (n, h, w, c) in 0..1; of all pixels shown the brightest 1 % (or fewer) are 1.
    views : ndarray
        float32 (n, k + views.small, h, w, c) in 0..1. Small views come last, in their own size, in the
        middle of NaN.
    """
    chosen = pixels[np.linspace(0, len(pixels) - 1, min(n, len(pixels))).round().astype(int)]
    light = torch.tensor(np.moveaxis(chosen, 3, 1).astype(np.float32))
    generator = torch.Generator().manual_seed(seed)
    shown = [light, *(view(light, views, generator) for _ in range(k))]
    for _ in range(views.small):
        small = small_view(light, views, generator)
        h, w = ((outer - s) // 2 for outer, s in zip(light.shape[2:], small.shape[2:], strict=True))
        shown.append(torch.full_like(light, math.nan))
        shown[-1][:, :, h : h + small.shape[2], w : w + small.shape[3]] = small
    panels = torch.stack(shown, dim=1).permute(0, 1, 3, 4, 2).numpy()
    white = max(np.nanpercentile(panels, 99), np.nanmax(panels) / 2, 1e-6)
    panels = np.clip(panels / white, 0, 1)
    return panels[:, 0], panels[:, 1:]
