"""Rivals of NAT as objectives of the same loop: losses of the package lightly, labels, and an average of weights."""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import natkit
from natkit.method.networks.backbones import head
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.objectives.objective import Objective

DIMS = {"simclr": 128, "vicreg": 512, "byol": 256, "lejepa": 64}  # of the head


class Rival(Objective):
    """A loss that is one number a batch: each image gets it."""

    what = ""
    unit = False

    def loss(self, features: Tensor, rows, epoch: int) -> Tensor:
        return self.value(features, rows).expand(len(rows))

    def value(self, features: Tensor, rows) -> Tensor:
        """The loss of the batch, from features (views, n, dim): two full views, then small ones."""
        raise NotImplementedError


class Pairs(Rival):
    """SimCLR and VICReg: the mean over all pairs of a view with a full one."""

    def __init__(self, criterion: Callable[[Tensor, Tensor], Tensor]):
        self.criterion = criterion

    def value(self, features: Tensor, rows) -> Tensor:
        one, other, *small = features
        pairs = [(one, other), *((full, piece) for full in (one, other) for piece in small)]
        return sum(self.criterion(*pair) for pair in pairs) / len(pairs)


class LeJepa(Rival):
    def __init__(self, criterion: nn.Module):
        self.criterion = criterion

    def value(self, features: Tensor, rows) -> Tensor:
        full, small = features[:2], features[2:]
        return self.criterion(global_proj=full, local_proj=small if len(small) else full)


class Student(nn.Module):
    """An encoder that predicts its teacher: (n, 2 dim), what it predicts beside what the teacher says."""

    def __init__(self, encoder: nn.Module, predictor: nn.Module):
        super().__init__()
        self.encoder, self.predictor = encoder, predictor
        self.teacher = copy.deepcopy(encoder).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.predictor(self.encoder(x)), self.teacher(x)], dim=1)


class Byol(Rival):
    """Each view of a :class:`Student` predicts what the teacher says of the other one."""

    def __init__(self, student: Student, near: nn.Module):
        self.student, self.near = student, near

    def value(self, features: Tensor, rows) -> Tensor:
        ours, theirs = features.chunk(2, dim=2)
        theirs = theirs.detach()
        return 0.5 * (self.near(ours[0], theirs[1]) + self.near(ours[1], theirs[0]))

    def after_step(self, share: float) -> None:
        """The teacher follows by 1 %, in the end not at all."""
        weights = zip(
            self.student.teacher.parameters(), self.student.encoder.parameters(), strict=True
        )
        for slow, fast in weights:
            slow.data.lerp_(fast.data, 0.005 * (1 + math.cos(math.pi * share)))


class Classes(Rival):
    """Cross-entropy of all views with labels (n,) of the images trained on."""

    def __init__(self, labels: Tensor):
        self.labels = labels

    def value(self, features: Tensor, rows) -> Tensor:
        return functional.cross_entropy(
            features.flatten(0, 1), self.labels[rows].repeat(len(features))
        )


def rival(net: nn.Module, method: str, seed: int) -> tuple[nn.Module, Rival]:
    """A network on top of the backbone ``net``, with a head 1,024 wide, and what it learns."""
    from lightly import loss as losses

    dim = DIMS[method]
    encoder = nn.Sequential(net, head(net.features, (1024,), dim, seed))
    if method == "byol":
        student = Student(encoder, head(dim, (1024,), dim, seed + 7))
        return student, Byol(student, losses.NegativeCosineSimilarity())
    if method == "lejepa":
        return encoder, LeJepa(losses.LeJEPALoss())
    return encoder, Pairs(losses.NTXentLoss(0.2) if method == "simclr" else losses.VICRegLoss())


class Averaged(NoiseAsTargets):
    """NAT that ends with a moving average of its weights."""

    def __init__(self, held, model: natkit.NAT, decay: float):
        super().__init__(held, model, model.device_)
        self.model, self.follow, self.average = model, get_ema_multi_avg_fn(decay), None

    def after_step(self, share: float) -> None:
        encoder = self.model.running.encoder
        if self.average is None:
            self.average = AveragedModel(encoder, multi_avg_fn=self.follow, use_buffers=True)
        self.average.update_parameters(encoder)

    def end(self, broadcast: Callable[[Tensor], Tensor]) -> None:
        super().end(broadcast)
        self.model.running.encoder.load_state_dict(self.average.module.state_dict())
