"""A trained backbone for other programs: safetensors with torchvision's names, or ONNX that takes pixels."""

import json
import warnings
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from natkit.core.errors import InputError
from natkit.core.files import writing
from natkit.method.batches import Scaling
from natkit.method.networks.backbones import Backbone
from natkit.method.networks.signals import kind_of

OPSET = 18  # the ONNX that torch writes without a conversion; every onnxruntime since 1.14 reads it


class Standardise(nn.Module):
    """Stored pixels (n, c, h, w) in their own range to what the network was trained on."""

    def __init__(self, scaling: Scaling):
        super().__init__()
        self.peak = scaling.peak
        self.register_buffer("mean", torch.tensor(scaling.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(scaling.std)[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels / self.peak - self.mean) / self.std


def export(net: Backbone, scaling: Scaling, size: int, file: str | Path) -> None:
    """Write a backbone to ``file``, whole or not at all; ``net`` stays as it is, on its device.

    ".safetensors"
        The weights under torchvision's names (timm's are the same for resnet, densenet and inception_v3),
        without a classifier: torchvision's own network reads them with ``strict=False``. Other channels than 3
        or another stem change the first convolution. The network, its stem and the standardisation stand
        in the metadata.
    ".onnx"
        The whole way as one graph, up to 2 GB: ``pixels``, float32 (n, c, size, size) in the range in which
        they are stored (0–255, 0–65535 or 0–1), to ``features``, float32 (n, features); n is free. Same
        metadata. Seconds to half a minute.

    Parameters
    ----------
    scaling
        Of the images that trained ``net``.
    size
        Pixels of the square images.

    Raises
    ------
    InputError
        If the file is there already, has another suffix, or a package for ONNX is missing.
    """
    file = Path(file)
    if file.suffix not in (".safetensors", ".onnx"):
        raise InputError(f"A backbone is written as .safetensors or .onnx, but this is {file}.")
    if file.exists():
        raise InputError(f"{file} is there already, and nothing is overwritten. Give another name.")
    about = {"network": net.name, "stem": net.stem, "size": size, "features": net.features}
    about |= {"peak": scaling.peak, "mean": scaling.mean, "std": scaling.std}
    about = {k: v if isinstance(v, str) else json.dumps(v) for k, v in about.items()}
    if file.suffix == ".onnx" and kind_of(net.name) == "signals":
        raise InputError(
            f"{net.name} reads signals, and ONNX is written for images alone. Write .safetensors."
        )
    copy = deepcopy(net).to("cpu", memory_format=torch.contiguous_format)
    if file.suffix == ".onnx":
        _onnx(nn.Sequential(Standardise(scaling), copy), len(scaling.mean), size, about, file)
        return
    with writing(file) as part:
        save_file(copy.net.state_dict(), part, {"format": "pt", **about})


def _onnx(whole: nn.Module, channels: int, size: int, about: dict[str, str], file: Path) -> None:
    if not (find_spec("onnx") and find_spec("onnxscript")):
        raise InputError(
            'ONNX needs the packages onnx and onnxscript. Install them: pip install "natkit[onnx]"'
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*treespec", FutureWarning)  # torch 2.11 about itself
        program = torch.onnx.export(
            whole.eval(),
            (torch.zeros(2, channels, size, size),),
            input_names=["pixels"],
            output_names=["features"],
            dynamic_shapes=({0: "n"},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    program.model.metadata_props.update(about)
    with writing(file) as part:
        program.save(part, external_data=False)
