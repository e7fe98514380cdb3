"""Networks for signals and vectors: a signal is a picture of height 1, a vector one pixel of many channels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 9  # samples that a convolution sees


class Block1d(nn.Module):
    """Two convolutions over time with batch norm beside a shortcut (He et al., CVPR 2016)."""

    def __init__(self, inside: int, outside: int, stride: int):
        super().__init__()
        self.conv1 = _along(inside, outside, stride)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = _along(outside, outside, 1)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Sequential(
            nn.Conv2d(inside, outside, 1, (1, stride), bias=False), nn.BatchNorm2d(outside)
        )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class SignalResNet(nn.Module):
    """Residual network over time: (n, channels, 1, length) of any length → 192 features.

    A stem of stride 2 and four blocks of 16–128 channels, each after the first half as long. As in the network for
    pictures the features are the means over time of the last two blocks. 0.5 million weights.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.stem = _along(channels, 16, 2)
        self.bn = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            Block1d(16, 16, 1), Block1d(16, 32, 2), Block1d(32, 64, 2), Block1d(64, 128, 2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn(self.stem(x)))
        third = self.blocks[:3](x)
        return torch.cat([third.mean(dim=(2, 3)), self.blocks[3](third).mean(dim=(2, 3))], dim=1)


class MLP(nn.Module):
    """Two hidden layers of 256 with batch norm: (n, d, 1, 1) → 512 features, both layers side by side.

    A linear layer is a convolution of one pixel, so that weights are read and kept as those of the others.
    """

    def __init__(self, d: int, width: int = 256):
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(d, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return torch.cat([first.mean(dim=(2, 3)), self.second(first).mean(dim=(2, 3))], dim=1)


NETWORKS = {"resnet1d": SignalResNet, "mlp": MLP}


def kind_of(network: str) -> str:
    """What a network takes: "images", or "signals", which vectors are too."""
    return "signals" if network in NETWORKS else "images"


def _along(inside: int, outside: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, (1, REACH), (1, stride), (0, REACH // 2), bias=False)
