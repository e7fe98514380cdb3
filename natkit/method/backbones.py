"""Networks from images (n, c, h, w) to features (n, features), for one or more channels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

NAMES = ("small", "resnet18")


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

    features = 64 + 128

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


def backbone(name: str, channels: int, seed: int) -> nn.Module:
    """A network with random weights that ``seed`` fixes; its attribute ``features`` is the output width.

    Parameters
    ----------
    name
        "small" (:class:`SmallResNet`, for a CPU) or "resnet18" (torchvision's, without its classifier).
    channels
        Channels of the images, 1 or more.

    Raises
    ------
    ValueError
        If the name is not known.
    """
    if name not in NAMES:
        raise ValueError(f"There is no backbone {name!r}; there are {', '.join(NAMES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name == "small":
            return SmallResNet(channels)
        from torchvision.models import resnet18  # seconds to import

        net = resnet18(weights=None)
        net.features = net.fc.in_features
        net.fc = nn.Identity()
        if channels != 3:
            net.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
            nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
        return net


def head(features: int, width: int, dim: int, seed: int) -> nn.Module:
    """The part that meets the noise and is thrown away: features → width → dim.

    It ends linear: a head that ended in a ReLU would live in one corner of the sphere and could never reach
    its targets.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        return nn.Sequential(
            nn.Linear(features, width, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, dim),
        )
