"""Any network, or none, to an Embedding: the features of a backbone, and raw pixels as a control."""

import joblib
import numpy as np
import torch
from torch import nn

from natkit.core.errors import InputError
from natkit.core.progress import progress
from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet
from natkit.data.signals import Signals
from natkit.method.batches import Scaling, autocast
from natkit.method.views.corruptions import corrupted

BATCH = 512  # images at once, and fewer of more than 64 × 64 pixels: wide layers fill the memory
PIXELS = BATCH * 64 * 64


def read_features(
    net: nn.Module, pixels: np.ndarray, scaling: Scaling, what: str = "embed"
) -> np.ndarray:
    """Features of ``net`` in evaluation mode, float32 (n, features), for pixels (n, h, w, c).

    ``what`` stands beside the bar; "" draws none. On a CPU the workers of joblib share the batches where there are
    several: ``with joblib.parallel_config(backend="dask")``, or ``n_jobs=4``.

    Raises
    ------
    InputError
        If a feature is NaN or infinite: the training broke down in its last step.
    """
    net.eval()
    height, width = pixels.shape[1:3]
    at_once = max(1, min(BATCH, PIXELS // (height * width)))
    starts = progress(range(0, len(pixels), at_once), what)
    batches = (pixels[start : start + at_once] for start in starts)
    if next(net.parameters()).device.type == "cpu" and joblib.effective_n_jobs(None) > 1:
        work = (joblib.delayed(_features)(net, batch, scaling) for batch in batches)
        return np.concatenate(joblib.Parallel()(work))
    return np.concatenate([_features(net, batch, scaling) for batch in batches])


@torch.inference_mode()
def _features(net: nn.Module, pixels: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Of one batch."""
    device = next(net.parameters()).device
    with autocast(device):
        features = net(scaling.standard(scaling.light(pixels, device)))
    if not features.isfinite().all():
        raise InputError(
            "The network gives NaN or infinite features: its training broke down. Train it again with a smaller "
            "learning rate."
        )
    return features.float().cpu().numpy()


def stored_pixels(
    images: ImageSet | Signals, size: int, corruption: tuple[str, float] | None = None
) -> np.ndarray:
    """The stored pixels (n, size, size, c) as they are, or under a fault of the line.

    Signals: (n, 1, length, channels), pictures of height 1; vectors: (n, 1, 1, d).
    """
    if isinstance(images, Signals):
        if corruption is not None:
            raise InputError(
                "These faults are those of cameras; signals have none. Leave corruption out."
            )
        return as_pixels(images.values)
    stored = images.pixels(size)
    return stored if corruption is None else corrupted(stored, images.ids, *corruption)


def as_pixels(values: np.ndarray) -> np.ndarray:
    """Signals (n, channels, length) as pictures of height 1, vectors (n, d) as one pixel of d channels."""
    return values[:, None, None] if values.ndim == 2 else np.moveaxis(values, 1, 2)[:, None]


def source(images: ImageSet | Signals, corruption: tuple[str, float] | None = None) -> dict:
    """What an embedding says of the images it was made from, for its ``meta``."""
    held = images if isinstance(images, Signals) else images.prepared
    said = {"data_hash": held.data_hash}
    if corruption is not None:
        said["corruption"] = {"kind": corruption[0], "strength": corruption[1]}
    return said


def pixels(
    images: ImageSet, size: int = 32, corruption: tuple[str, float] | None = None
) -> Embedding:
    """The control without any network: the picture itself, shrunk to size × size, as one long vector.

    float32 (n, size · size · c) in [0, 1] for whole-number pixels. ``corruption`` is a kind and a strength of
    :func:`natkit.method.views.corruptions.corrupted`, done to every image.
    """
    if isinstance(images, Signals):
        raise InputError("Signals have no pixels. Their control is natkit.values(signals).")
    stored = stored_pixels(images, size, corruption)
    peak = np.iinfo(stored.dtype).max if np.issubdtype(stored.dtype, np.integer) else 1
    vectors = stored.reshape(len(stored), -1).astype(np.float32) / peak
    meta = {"name": "pixels", "layer": f"pixels {size}×{size}", **source(images, corruption)}
    return Embedding(vectors, images.ids, meta)


def values(signals: Signals) -> Embedding:
    """The control for signals and vectors without any network: the numbers themselves, as one long vector."""
    flat = signals.values.reshape(len(signals), -1)
    return Embedding(flat, signals.ids, {"name": "values", "layer": "values", **source(signals)})
