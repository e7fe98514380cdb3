"""Laws of the networks: width, seeds, stems, the paper's input, weights from a file, the head."""

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage
from torch import nn
from torchvision.models import get_model

from natkit import InputError
from natkit.method.networks.backbones import Gradients, SmallResNet, backbone, head, paper_alexnet
from natkit.method.networks.weights import load_weights

FAMILIES = {  # widths as the papers state them
    "small": 192,
    "alexnet_bn": 9216,
    "alexnet": 4096,
    "convnext_tiny": 768,
    "densenet121": 1024,
    "efficientnet_b0": 1280,
    "efficientnet_v2_s": 1280,
    "googlenet": 1024,
    "inception_v3": 2048,
    "maxvit_t": 512,
    "mnasnet0_5": 1280,
    "mobilenet_v2": 1280,
    "mobilenet_v3_small": 1024,
    "regnet_y_400mf": 440,
    "resnet18": 512,
    "resnext50_32x4d": 2048,
    "shufflenet_v2_x0_5": 1024,
    "squeezenet1_1": 512,
    "swin_t": 768,
    "swin_v2_t": 768,
    "vgg11_bn": 4096,
    "vit_b_32": 768,
}


def light(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in net.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def seen(net: nn.Module, layer: nn.Module, size: int) -> tuple[int, ...]:
    """Height and width of what ``layer`` gives for one image of size × size."""
    shapes = []
    handle = layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[2:])))
    net.eval()(light(1, 3, size, size))
    handle.remove()
    return shapes[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_features_and_learns_in_its_first_layer(name):
    size = {"maxvit_t": 224, "inception_v3": 75}.get(name, 64)
    net = backbone(name, 2, 0, size=size)
    assert net.training
    out = net(light(2, 2, size, size))
    assert net.features == FAMILIES[name]
    assert out.shape == (2, FAMILIES[name])
    (out * light(*out.shape, seed=1)).sum().backward()
    first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    assert (first.weight.grad.abs().sum(dim=(0, 2, 3)) > 0).all()
    assert len(first.weight.grad[0]) == 2


def test_the_seed_fixes_the_weights_and_nothing_else():
    torch.manual_seed(7)
    expected = torch.rand(3)
    for name in ("small", "alexnet_bn", "resnet18", "mobilenet_v3_small"):
        torch.manual_seed(7)
        one, again, other = (weights(backbone(name, 1, seed, size=64)) for seed in (5, 5, 6))
        assert torch.equal(torch.rand(3), expected)
        assert same(one, again)
        assert not same(one, other)


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_are_those_of_the_plain_recipe(channels):
    """What runs were trained from before stays what it was, to the bit."""
    torch.manual_seed(4)
    assert same(weights(SmallResNet(channels)), weights(backbone("small", channels, 4).net))
    torch.manual_seed(4)
    plain = get_model("resnet18")
    if channels == 1:
        plain.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(plain.conv1.weight, mode="fan_out", nonlinearity="relu")
    plain.fc = nn.Identity()
    assert same(weights(plain), weights(backbone("resnet18", channels, 4).net))


def test_patches_of_any_channels_keep_the_variance():
    """A transformer has no batch norm after its patches: light of variance 1 must come out as such."""
    patches = backbone("vit_b_32", 1, 0, size=64).net.conv_proj(light(8, 1, 64, 64))
    assert patches.std().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("name", "layer", "standard", "small"),
    [  # a stem of stride 2 and a pooling of stride 2 gone: 4 times the positions each way; else 2 times
        ("small", "blocks.3", 4, 8),
        ("resnet18", "layer4", 2, 8),
        ("densenet121", "features.denseblock4", 2, 8),
        ("shufflenet_v2_x0_5", "conv5", 2, 8),
        ("mobilenet_v2", "features.17", 2, 4),
        ("regnet_y_400mf", "trunk_output.block4", 2, 4),
    ],
)
def test_the_small_stem_keeps_small_pictures_large(name, layer, standard, small):
    for stem, side in (("standard", standard), ("small", small)):
        net = backbone(name, 3, 0, stem, size=64)
        assert seen(net, net.net.get_submodule(layer), 64) == (side, side)
    first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
    assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (1, 1), (1, 1))


def test_the_papers_alexnet():
    """Channels, weights counted by hand, and 6×6 positions at 224 pixels without any averaging."""
    net = paper_alexnet(2)
    convs = [m for m in net if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [96, 256, 384, 384, 256]
    convolutions = 2 * 96 * 121 + 96 * 256 * 25 + 9 * (256 * 384 + 384 * 384 + 384 * 256)
    norms = 2 * (96 + 256 + 384 + 384 + 256)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms
    assert sum(isinstance(m, nn.BatchNorm2d) for m in net) == 5
    picture = light(1, 2, 224, 224)
    before = net.eval()[:-2](picture)
    assert before.shape == (1, 256, 6, 6)
    torch.testing.assert_close(net(picture), before.flatten(1))


def test_gradients_are_scipys_sobel():
    picture = light(2, 3, 9, 14).double()
    gradients = Gradients()
    assert not gradients.state_dict()
    assert not list(gradients.parameters())
    right, down = gradients.double()(picture).unbind(dim=1)
    grey = picture.mean(dim=1).numpy()
    for axis, ours in ((2, right), (1, down)):
        theirs = np.stack([ndimage.sobel(g, axis - 1, mode="nearest") for g in grey])
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-12)


def test_a_network_behind_gradients_sees_neither_colour_nor_brightness():
    net = backbone("resnet18", 3, 0, stem="gradients", size=64).eval()
    picture = light(2, 3, 64, 64)
    features = net(picture)
    torch.testing.assert_close(net(picture[:, [2, 0, 1]]), features)
    torch.testing.assert_close(net(picture + 3), features, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(net(-picture), features, atol=1e-2)


def test_weights_of_torchvision_give_torchvisions_features(tmp_path):
    plain = get_model("mobilenet_v3_small")  # keeps one linear layer, loses the other
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    net = backbone("mobilenet_v3_small", 3, 1, size=64)
    load_weights(net, tmp_path / "weights.safetensors")
    plain.classifier[3] = nn.Identity()
    picture = light(2, 3, 64, 64)
    assert torch.equal(net.eval()(picture), plain.eval()(picture))


@pytest.mark.parametrize("channels", [1, 6])
def test_grey_light_means_the_same_to_a_network_for_colour(tmp_path, channels):
    plain = get_model("resnet18")
    save_file(plain.state_dict(), tmp_path / "weights.safetensors")
    net = backbone("resnet18", channels, 1, size=64)
    load_weights(net, tmp_path / "weights.safetensors")
    plain.fc = nn.Identity()
    grey = light(2, 1, 64, 64)
    ours, theirs = (n.eval()(grey.expand(-1, c, -1, -1)) for n, c in ((net, channels), (plain, 3)))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_second_classifiers_and_old_files_are_read(tmp_path):
    plain = get_model("googlenet", aux_logits=True, init_weights=False)
    old = {k: v for k, v in plain.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(old, tmp_path / "weights.safetensors")
    net = backbone("googlenet", 3, 1, size=64)
    load_weights(net, tmp_path / "weights.safetensors")
    assert torch.equal(
        net.net.inception5b.branch1.conv.weight, old["inception5b.branch1.conv.weight"]
    )


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


def test_other_files_are_refused_and_leave_the_network_alone(tmp_path):
    net = backbone("resnet18", 3, 0, size=64)
    before = weights(net)
    good = get_model("resnet18").state_dict()
    save_file(good, tmp_path / "good.safetensors")
    whole = (tmp_path / "good.safetensors").read_bytes()
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "hostile.safetensors").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "short.safetensors").write_bytes(whole[:-9])
    save_file(get_model("resnet34").state_dict(), tmp_path / "deeper.safetensors")
    lacking = {k: v for k, v in good.items() if not k.startswith("layer3.0.bn")}
    lacking["bn1.weight"] = torch.ones(32)
    save_file(lacking, tmp_path / "lacking.safetensors")
    for file, message in (
        (
            "hostile.pth",
            r"no pickle is opened here.* python -c .*hostile\.pth' .*hostile\.safetens",
        ),
        ("hostile.safetensors", "can't be read as safetensors"),
        ("short.safetensors", "can't be read as safetensors"),
        ("nowhere.safetensors", "can't be read as safetensors"),
        ("deeper.safetensors", r"96 entries: layer1\.2\..* is .*, not absent"),
        (
            "lacking.safetensors",
            r"9 entries: bn1.weight is \(32,\), not \(64,\); layer3.0.bn1.weight is miss",
        ),
    ):
        with pytest.raises(InputError, match=message):
            load_weights(net, tmp_path / file)
    assert same(weights(net), before)
    small = backbone("resnet18", 3, 0, "small", size=64)
    with pytest.raises(
        InputError, match=r"small stem in 1 entries: conv1.weight is \(64, 3, 7, 7\)"
    ):
        load_weights(small, tmp_path / "good.safetensors")
    with pytest.raises(
        InputError, match=r"not \(64, 2, 7, 7\)"
    ):  # filters of colours for gradients
        load_weights(backbone("resnet18", 3, 0, "gradients", 64), tmp_path / "good.safetensors")


@pytest.mark.parametrize(
    ("name", "stem", "size", "message"),
    [
        ("resnet8", "standard", 64, "Did you mean resnet18"),
        ("alexnetbn", "standard", 64, "Did you mean alexnet_bn"),
        ("¿", "standard", 64, "Did you mean small or resnet18"),
        ("resnet18", "tiny", 64, "stem is one of standard, small, gradients, got 'tiny'"),
        ("vgg11", "small", 64, "no stem that could be smaller"),
        ("swin_t", "small", 64, "no stem that could be smaller"),
        ("maxvit_t", "small", 224, "maxvit_t with the small stem can't read images of 224×224"),
        (
            "maxvit_t",
            "standard",
            96,
            "can't read images of 96×96 pixels .* every network reads 224",
        ),
        ("vit_b_32", "standard", 100, "can't read images of 100×100"),
        ("inception_v3", "standard", 32, "can't read images of 32×32"),
        ("alexnet_bn", "standard", 32, "can't read images of 32×32"),
    ],
)
def test_what_can_not_be_built_is_told(name, stem, size, message):
    with pytest.raises(InputError, match=message):
        backbone(name, 3, 0, stem, size)


def test_one_hidden_layer_is_the_head_of_old():
    torch.manual_seed(4)
    old = nn.Sequential(
        nn.Linear(192, 1024, bias=False), nn.BatchNorm1d(1024), nn.ReLU(), nn.Linear(1024, 64)
    )
    assert same(weights(head(192, (1024,), 64, 3)), weights(old))


def test_a_head_of_any_depth_ends_linear():
    shapes = [tuple(m.weight.shape) for m in head(12, (8, 4), 5, 0) if isinstance(m, nn.Linear)]
    assert shapes == [(8, 12), (4, 8), (5, 4)]
    assert [tuple(m.weight.shape) for m in head(12, (), 5, 0)] == [(5, 12)]
    assert isinstance(head(12, (8, 4), 5, 0)[-1], nn.Linear)
    assert (head(12, (8, 4), 5, 0)(light(64, 12)) < 0).any()
