"""Networks from images (n, c, h, w) to features (n, features), for one or more channels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.method.networks.signals import NETWORKS
from natkit.method.networks.sources import OURS, is_of_timm, new_network

STEMS = ("standard", "small", "gradients")


class Block(nn.Module):
    """Two 3×3 convolutions with batch norm beside a shortcut (He et al., CVPR 2016)."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Identity()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class SmallResNet(nn.Module):
    """A residual network that trains on a CPU in minutes: stem of stride 2, four blocks, 16–128 channels.

    Its features are the means over the picture of the last two blocks (64 + 128): the last block alone
    stands nearer to the noise and reads worse. 0.3 million weights.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.stem = nn.Conv2d(channels, 16, 3, stride=2, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2), Block(64, 128, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn(self.stem(x)))
        third = self.blocks[:3](x)
        return torch.cat([third.mean(dim=(2, 3)), self.blocks[3](third).mean(dim=(2, 3))], dim=1)


def paper_alexnet(channels: int) -> nn.Sequential:
    """The convolutions of AlexNet with batch norm instead of response normalisation: 9,216 features.

    96-256-384-384-256 channels without groups, up to the pooling after conv5, as the paper reads it out.
    Images of 63 pixels and more; 224 give 6×6 positions, others are averaged to 6×6. 3.7 million weights.

    References
    ----------
    Krizhevsky et al., NeurIPS 2012; Bojanowski and Joulin, ICML 2017 (with batch norm).
    """
    plan = ((96, 11, 4, 2), (256, 5, 1, 2), (384, 3, 1, 1), (384, 3, 1, 1), (256, 3, 1, 1))
    layers, inside = [], channels
    for number, (outside, kernel, stride, padding) in enumerate(plan, start=1):
        conv = nn.Conv2d(inside, outside, kernel, stride, padding, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        layers += [conv, nn.BatchNorm2d(outside), nn.ReLU()]
        layers += [nn.MaxPool2d(3, stride=2)] if number in (1, 2, 5) else []
        inside = outside
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten())


class Gradients(nn.Module):
    """The paper's fixed input: the mean over channels, then its slope to the right and downwards.

    (n, c, h, w) → (n, 2, h, w), by the two 3×3 Sobel filters (not divided by 8), edge pixels repeated. No
    learned weight: colour is no short cut then (Bojanowski and Joulin, ICML 2017).
    """

    def __init__(self):
        super().__init__()
        right = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        self.register_buffer("filters", torch.stack([right, right.T])[:, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        grey = functional.pad(x.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(grey, self.filters)


class Backbone(nn.Module):
    """A network without its classifier: standardised images (n, c, h, w) → features (n, features).

    Attributes
    ----------
    net : torch.nn.Module
        The network itself; its state dict has torchvision's names.
    channels, size : int
        Channels and side of the images that it was built for.
    features : int
        Width of what comes out.
    name, stem : str
        What :func:`backbone` was asked for.
    cut : str
        Where ``net`` had its classifier, such as "fc"; empty if it never had one.
    """

    def __init__(self, net: nn.Module, name: str, stem: str, cut: str, channels: int, size: int):
        super().__init__()
        self.channels, self.size = channels, size
        self.before = Gradients() if stem == "gradients" else nn.Identity()
        self.net, self.name, self.stem, self.cut = net, name, stem, cut

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.before(x))

    @torch.no_grad()
    def reads(self, side: int, channels: int) -> bool:
        """Whether it gives features of images of ``side`` × ``side`` pixels, as many as of its own size."""
        training, device = self.training, next(self.parameters()).device
        picture = torch.zeros(1, channels, side, side, device=device)
        try:
            return self.eval()(picture).shape[1:] == (self.features,)
        except (AssertionError, RuntimeError):
            return False
        finally:
            self.train(training)


def backbone(
    name: str, channels: int, seed: int, stem: str = "standard", size: int = 224
) -> Backbone:
    """A network with random weights that ``seed`` fixes; its attribute ``features`` is the output width.

    Parameters
    ----------
    name
        "small" (:class:`SmallResNet`, for a CPU), "alexnet_bn" (:func:`paper_alexnet`), one of those of signals, or a
        classification network of torchvision or timm by its name there, as "resnet18" or "vit_small_patch14_dinov2",
        without its last layer; ``natkit.networks()`` lists them. Dropout and stochastic depth stay where they have
        them; they draw from torch's global generator.
    channels
        Channels of the images, 1 or more.
    stem
        "standard"; "small" for small pictures: first convolution 3×3 with stride 1, no pooling after it (not for
        timm's networks); "gradients": :class:`Gradients` before the network, as in the paper.
    size
        Pixels of the square images. Transformers are built for it; the others are asked if they can read it.

    Raises
    ------
    InputError
        For an unknown name or stem, a network without a stem to make smaller, a size that it can't read.

    Notes
    -----
    Costs the import of torchvision (seconds, once), the weights, and one image through the network.
    """
    if stem not in STEMS:
        raise InputError(f"stem is one of {', '.join(STEMS)}, got {stem!r}.")
    inside = 2 if stem == "gradients" else channels
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in OURS:
            ours = {"small": SmallResNet, "alexnet_bn": paper_alexnet, **NETWORKS}
            net, cut = ours[name](inside), ""
        else:
            net, cut = _others(name, inside, stem, size)
        if stem == "small":
            _drop_first_pool(net, name)
            _replace_first_conv(net, inside, ((3, 3), (1, 1), (1, 1)))
        elif not is_of_timm(name):  # timm has built its own for these channels
            old = first_conv(net)[1]
            if old.in_channels != inside:
                _replace_first_conv(net, inside, (old.kernel_size, old.stride, old.padding))
    whole = Backbone(net, name, stem, cut, channels, size).eval()
    try:
        with torch.no_grad():
            whole.features = whole(torch.zeros(1, channels, size, size)).shape[1]
    except (AssertionError, RuntimeError) as error:
        raise InputError(_unreadable(name, stem, size, error)) from error
    return whole.train()


def head(features: int, widths: tuple[int, ...], dim: int, seed: int) -> nn.Module:
    """The part that meets the noise and is thrown away: features → each of ``widths`` → dim.

    It ends linear: a head that ended in a ReLU would live in one corner of the sphere and could never reach
    its targets.
    """
    layers = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        for width in widths:
            linear = nn.Linear(features, width, bias=False)
            layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
            features = width
        return nn.Sequential(*layers, nn.Linear(features, dim))


def _others(name: str, channels: int, stem: str, size: int) -> tuple[nn.Module, str]:
    """A network of torchvision or timm without its classifier, and where that was."""
    if stem == "small" and is_of_timm(name):
        raise InputError(f"{name} is timm's, whose stems stay as they are. Use stem 'standard'.")
    try:
        return new_network(name, channels, size)
    except InputError:
        raise
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(_unreadable(name, stem, size, error)) from error


def _unreadable(name: str, stem: str, size: int, error: Exception) -> str:
    reason = str(error).splitlines()[0].rstrip(".")
    return (
        f"{name} with the {stem} stem can't read images of {size}×{size} pixels ({reason}). "
        "Use another size; with the standard stem every network reads 224."
    )


def first_conv(net: nn.Module) -> tuple[str, nn.Conv2d]:
    """The convolution that reads the image, and its path in ``net``."""
    return next((path, m) for path, m in net.named_modules() if isinstance(m, nn.Conv2d))


def _replace_first_conv(net: nn.Module, channels: int, geometry: tuple) -> None:
    """Another first convolution for ``channels``, of kernel, stride and padding ``geometry``."""
    path, old = first_conv(net)
    new = nn.Conv2d(channels, old.out_channels, *geometry, bias=old.bias is not None)
    if new.kernel_size == new.stride:  # patches of a transformer: keep the variance
        nn.init.kaiming_normal_(new.weight, mode="fan_in", nonlinearity="linear")
    else:
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    net.set_submodule(path, new)


def _drop_first_pool(net: nn.Module, name: str) -> None:
    """No max pooling between the first two convolutions; InputError where there is no stem to shrink."""
    path, old = first_conv(net)
    if old.stride in ((1, 1), old.kernel_size):
        raise InputError(f"{name} has no stem that could be smaller. Use stem 'standard'.")
    layers = list(net.named_modules())
    for later, layer in layers[layers.index((path, old)) + 1 :]:
        if isinstance(layer, nn.Conv2d):
            return
        if isinstance(layer, nn.MaxPool2d):
            net.set_submodule(later, nn.Identity())
