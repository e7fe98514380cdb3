"""Any network as it comes from disk, as a control: what do features that never saw these images know?"""

from pathlib import Path

from natkit.embedding import Embedding
from natkit.images import ImageSet
from natkit.method.nat import NAT
from natkit.method.weights import download_weights, load_state_dict, load_weights


def frozen(
    images: ImageSet,
    network: str,
    weights: str | Path | None = None,
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
        All of them are embedded. Those of the split train standardise each channel, whatever the depth.
    network
        A classification network of torchvision by its name ("resnet50", "vit_b_16", …), or one of ours.
    weights
        A local file: ``.safetensors``, or ``.pth`` or ``.pt`` with a state dict of torch (read with
        ``weights_only=True``). Or the name of torchvision's own weights ("DEFAULT"): torchvision then downloads
        them, the only case in which anything is fetched. None: random weights.
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
        images of equal channels.

    Raises
    ------
    InputError
        For an unknown network, weights that are unreadable or of another network, fewer than 8 images in train.

    Notes
    -----
    2,624 images of 224×224 through a ResNet-50: some minutes on two CPU cores, seconds on a GPU.
    """
    model = NAT(network=network, stem=stem, size=size, seed=seed, device=device).untrained(images)
    suffix = Path(weights).suffix if weights is not None else None
    if suffix == ".safetensors":
        load_weights(model.backbone, weights)
    elif suffix in (".pth", ".pt"):
        load_state_dict(model.backbone, weights)
    elif weights is not None:
        download_weights(model.backbone, str(weights))
    source = "random weights" if weights is None else Path(weights).name
    emb = model.embed(images, corruption)
    meta = emb.meta | {"name": name or f"{network} ({source})", "weights": source}
    return Embedding(emb.vectors, emb.ids, meta)
