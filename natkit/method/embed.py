"""Any network, or none, to an Embedding: the features of a backbone, and raw pixels as a control."""

import numpy as np
import torch
from torch import nn

from natkit.embedding import Embedding
from natkit.images import ImageSet
from natkit.method.batches import Scaling, autocast
from natkit.progress import progress

BATCH = 512


@torch.inference_mode()
def read_features(net: nn.Module, pixels: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Features of ``net`` in evaluation mode, float32 (n, features), for pixels (n, h, w, c)."""
    device = next(net.parameters()).device
    net.eval()
    out = []
    for start in progress(range(0, len(pixels), BATCH), "embed"):
        light = scaling.light(pixels[start : start + BATCH], device)
        with autocast(device):
            features = net(scaling.standard(light))
        out.append(features.float().cpu().numpy())
    return np.concatenate(out)


def pixels(images: ImageSet, size: int = 32) -> Embedding:
    """The control without any network: the picture itself, shrunk to size × size, as one long vector.

    float32 (n, size · size · c) in [0, 1] for whole-number pixels.
    """
    stored = images.pixels(size)
    peak = np.iinfo(stored.dtype).max if np.issubdtype(stored.dtype, np.integer) else 1
    vectors = stored.reshape(len(stored), -1).astype(np.float32) / peak
    meta = {
        "name": "pixels",
        "layer": f"pixels {size}×{size}",
        "data_hash": images.prepared.data_hash,
    }
    return Embedding(vectors, images.ids, meta)
