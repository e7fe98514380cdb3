"""Training steps of NAT and of what it is compared with, on the same network, images and views."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from natkit.method.batches import Batches, Scaling, autocast
from natkit.method.networks.backbones import backbone, head
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.settings import Settings
from natkit.method.training.loop import Loop
from natkit.method.views.images import Views, view

VIEWS = Views(turn=True, small=0)  # as many pixels on both sides


def ratios(ours: Callable[[], object], other: Callable[[], object], repeats: int) -> np.ndarray:
    """Time of ours / time of the other, alternating; the first of each is warm-up."""
    found = []
    for repeat in range(repeats + 1):
        pair = [timed(work) for work in ((ours, other) if repeat % 2 else (other, ours))]
        found.append(pair[0] / pair[1] if repeat % 2 else pair[1] / pair[0])
    return np.array(found[1:])


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Steps:
    """Training steps of three methods on the same network, images and views."""

    def __init__(self, device: torch.device, network: str, size: int, batch: int):
        self.device, self.batch = device, batch
        rng = np.random.default_rng(0)
        self.pixels = rng.integers(0, 255, (4 * batch, size, size, 1), dtype=np.uint8)
        self.scaling = Scaling.of(self.pixels)
        self.settings = {"network": network, "size": size, "batch_size": batch, "views": VIEWS}
        self.batches = Batches(self.pixels, self.scaling, device)
        self.generator = torch.Generator(device).manual_seed(0)

    def encoder(self, dim: int) -> nn.Sequential:
        net = backbone(self.settings["network"], 1, 0, size=self.settings["size"])
        both = nn.Sequential(net, head(net.features, (1024,), dim, 0))
        return both.to(self.device, memory_format=torch.channels_last).train()

    def nat(self, **settings) -> Callable[[], object]:
        settings = Settings(**self.settings, **settings)
        objective = NoiseAsTargets(np.arange(len(self.pixels)), settings, self.device)
        run = Loop(self.encoder(settings.dim), self.pixels, self.scaling, settings, objective)
        numbers = iter(range(10**9))
        return lambda: run.step(self._rows(), next(numbers) % run.steps)

    def other(self, n_views: int, dim: int, loss: Callable) -> Callable[[], object]:
        """A step of another loss in the same loop: views, forward, loss of the features, backward, AdamW."""
        encoder = self.encoder(dim)
        optimizer = torch.optim.AdamW(encoder.parameters(), 2e-3, weight_decay=1e-4)

        def step() -> float:
            light = self.batches.light(self._rows())
            seen = [
                self.scaling.standard(view(light, VIEWS, self.generator)) for _ in range(n_views)
            ]
            with autocast(self.device):
                out = encoder(torch.cat(seen))
            value = loss(out.float())
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            return value.item()

        return step

    def _rows(self) -> np.ndarray:
        return np.sort(np.random.default_rng().permutation(len(self.pixels))[: self.batch])
