"""What is written is what was trained: both files are run against the network in memory."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torchvision.models import get_model

from natkit import InputError
from natkit.method.batches import Scaling
from natkit.method.networks.backbones import Backbone, backbone
from natkit.method.networks.export import export
from natkit.method.networks.weights import load_weights

COLOUR = Scaling(255.0, (0.3, 0.4, 0.6), (0.1, 0.2, 0.3))
GREY = Scaling(65535.0, (0.2,), (0.05,))
FLOAT = Scaling(1.0, (0.5, 0.1), (0.3, 0.4))


def trained(name: str, channels: int, stem: str, size: int) -> Backbone:
    """A network on channels-last memory whose batch norms have seen something; in training mode."""
    net = backbone(name, channels, 0, stem, size).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        net(2 * torch.randn(16, channels, size, size, generator=generator) + 1)
    return net


def features(net: Backbone, scaling: Scaling, pixels: np.ndarray) -> np.ndarray:
    """By NumPy's standardisation, then the network."""
    mean, std = (np.reshape(v, (-1, 1, 1)) for v in (scaling.mean, scaling.std))
    seen = ((pixels / scaling.peak - mean) / std).astype(np.float32)
    with torch.no_grad():
        return net.eval()(torch.from_numpy(seen)).numpy()


def test_safetensors_go_into_torchvisions_own_network(tmp_path):
    net = trained("resnet18", 3, "standard", 64)
    export(net, COLOUR, 64, tmp_path / "net.safetensors")
    theirs = get_model("resnet18")
    report = theirs.load_state_dict(load_file(tmp_path / "net.safetensors"), strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []
    theirs.fc = torch.nn.Identity()
    pixels = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(theirs.eval()(pixels), net.eval()(pixels), rtol=1e-5, atol=1e-5)
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        about = file.metadata()
    assert about["network"] == "resnet18"
    assert json.loads(about["mean"]) == [0.3, 0.4, 0.6]
    assert json.loads(about["size"]) == 64


@pytest.mark.parametrize("stem", ["standard", "small", "gradients"])
def test_safetensors_come_back(tmp_path, stem):
    net = trained("small", 1, stem, 32)
    export(net, GREY, 32, tmp_path / "net.safetensors")
    other = backbone("small", 1, 9, stem, 32)
    load_weights(other, tmp_path / "net.safetensors")
    pixels = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(other.eval()(pixels), net.eval()(pixels), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "stem", "scaling", "size"),
    [
        ("small", "standard", GREY, 48),
        ("alexnet_bn", "gradients", COLOUR, 96),
        ("squeezenet1_1", "standard", FLOAT, 64),
    ],
)
def test_onnx_takes_stored_pixels_and_gives_the_same_features(
    tmp_path, capfd, name, stem, scaling, size
):
    channels = len(scaling.mean)
    net = trained(name, channels, stem, size)
    export(net, scaling, size, tmp_path / "net.onnx")
    assert capfd.readouterr() == ("", "")
    session = onnxruntime.InferenceSession(
        tmp_path / "net.onnx", providers=["CPUExecutionProvider"]
    )
    (given,), (out,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape[1:]) == ("pixels", [channels, size, size])
    assert (out.name, out.shape[1:]) == ("features", [net.features])
    rng = np.random.default_rng(0)
    for n in (1, 5):
        pixels = (rng.random((n, channels, size, size)) * scaling.peak).astype(np.float32)
        expected = features(net, scaling, pixels)
        (found,) = session.run(["features"], {"pixels": pixels})
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
        assert np.ptp(expected) > 0.1
    about = session.get_modelmeta().custom_metadata_map
    assert (about["network"], about["stem"]) == (name, stem)
    assert json.loads(about["std"]) == list(scaling.std)
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_the_network_goes_on_as_it_was(tmp_path, suffix):
    net = trained("small", 3, "standard", 32)
    before = {key: (value.clone(), value.stride()) for key, value in net.state_dict().items()}
    export(net, COLOUR, 32, tmp_path / f"net{suffix}")
    assert net.training
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key][0])
        assert value.stride() == before[key][1]


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_nothing_is_overwritten(tmp_path, suffix):
    file = tmp_path / f"net{suffix}"
    file.write_text("mine")
    with pytest.raises(InputError, match="there already, and nothing is overwritten"):
        export(backbone("small", 3, 0), COLOUR, 32, file)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=r'pip install "natkit\[onnx\]"'):
        export(backbone("small", 3, 0), COLOUR, 32, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"\.safetensors or \.onnx, but this is .*net\.pth"):
        export(backbone("small", 3, 0), COLOUR, 32, tmp_path / "net.pth")
