"""Any finished network, not trained here, as a control: what do features that never saw these images know?"""

from pathlib import Path

import numpy as np
import torch

from natkit.data.embedding import Embedding
from natkit.data.images import ImageSet
from natkit.method.batches import Scaling, device_named
from natkit.method.embed.features import read_features, source, stored_pixels
from natkit.method.inputs import check_kind, for_training
from natkit.method.networks.backbones import backbone
from natkit.method.networks.sources import OURS, PACKAGED, learnt_with
from natkit.method.networks.weights import download_weights, load_state_dict, load_weights, packaged
from natkit.method.settings import Settings


def frozen(
    images: ImageSet,
    network: str = PACKAGED,
    weights: str | Path | None = "package",
    *,
    stem: str = "standard",
    size: int = 224,
    name: str | None = None,
    seed: int = 0,
    device: str = "auto",
    corruption: tuple[str, float] | None = None,
) -> Embedding:
    """Features of a network that is not trained here: the control "what if we took a finished one?".

    Parameters
    ----------
    images
        All of them are embedded.
    network
        A network of torchvision or timm by its name ("resnet50", "vit_small_patch14_dinov2", …), or one of ours;
        :func:`natkit.networks` lists them. By default the one whose weights come as a package.
    weights
        "package": ImageNet weights of EfficientNet-Lite0, which were installed with natkit (Apache-2.0). A local
        file: ``.safetensors``, or ``.pth`` or ``.pt`` with a state dict of torch (read with ``weights_only=True``).
        The name of torchvision's own weights ("DEFAULT"), or "hub" for timm's: these are taken from a cache or
        downloaded, the only cases in which anything is fetched. None: random weights.
    stem, seed, device
        As in :class:`natkit.method.settings.Settings`.
    size
        Pixels; images are resized to size × size. ImageNet's networks mostly learnt at 224.
    name
        Under which its score is shown; by default the network, and the file or name of its weights.
    corruption
        As for :meth:`natkit.NAT.embed`.

    Returns
    -------
    Embedding
        float32 (n, features) of the layer before the classifier. A network for colour sees grey images as colour
        images of equal channels. With finished weights 8-bit images are scaled by the mean and deviation that the
        network learnt with; deeper ones (whose white nobody knows), and all for random weights or a network of
        ours, channel by channel by those of the split train.

    Raises
    ------
    InputError
        For an unknown network, weights that are unreadable or of another network, fewer than 8 images in train.

    Notes
    -----
    2,624 images of 128×128 through EfficientNet-Lite0: about a minute on two CPU cores, seconds on a GPU.
    """
    settings = Settings(network=network, stem=stem, size=size, seed=seed, device=device)
    settings.check()
    check_kind(images, settings)
    scaling = Scaling.of(for_training(images, settings)[0])
    if weights is not None and network not in OURS and scaling.peak == 255:
        scaling = _as_learnt(network, scaling)
    net = backbone(network, len(scaling.mean), seed, stem, size)
    where = device_named(device)
    suffix = Path(weights).suffix if weights is not None else None
    if suffix == ".safetensors":
        load_weights(net, weights)
    elif suffix in (".pth", ".pt"):
        load_state_dict(net, weights)
    elif weights == "package":
        packaged(net)
    elif weights is not None:
        download_weights(net, str(weights))
    net.to(where, memory_format=torch.channels_last).eval()
    pixels = images.stream(size) if corruption is None else stored_pixels(images, size, corruption)
    vectors = read_features(net, pixels, scaling)
    known = "random weights" if weights is None else Path(weights).name
    meta = {"name": name or f"{network} ({known})", "layer": "backbone", "network": network}
    meta |= {"seed": seed, "weights": known, **source(images, corruption)}
    return Embedding(vectors, images.ids, meta)


def _as_learnt(network: str, scaling: Scaling) -> Scaling:
    """The scaling that ``network`` learnt with; one channel becomes three equal ones."""
    channels = max(3, len(scaling.mean))
    mean, std = learnt_with(network)
    place = np.arange(channels) % 3
    return Scaling(scaling.peak, *(tuple(np.array(part)[place].tolist()) for part in (mean, std)))
