"""Views of a batch through the network, some images at once, and the gradient of any loss back through it."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.core.progress import tell
from natkit.method.batches import Batches, autocast
from natkit.method.settings import Settings
from natkit.method.training.distributed import Team
from natkit.method.training.randomness import random_state, set_random_state
from natkit.method.views.images import small_view, view


class Passes:
    """From rows of images to features, and from the gradient of the features to that of the weights.

    Parameters
    ----------
    encoder, settings, team
        See :class:`natkit.method.training.loop.Loop`.
    batches
        The images.
    batch
        Images a step.
    unit
        Whether features are divided by their length.

    Attributes
    ----------
    micro : int
        Images at once through the network.
    generator : torch.Generator
        Draws the views.
    """

    def __init__(
        self,
        encoder: nn.Module,
        batches: Batches,
        batch: int,
        settings: Settings,
        team: Team,
        unit: bool,
    ):
        self.batches, self.batch, self.team, self.unit = batches, batch, team, unit
        self.n_views, self.views = settings.n_views, settings.resolved_views()
        self.size = settings.size
        self.device = batches.device
        self.generator = torch.Generator(self.device)
        team.must_divide(batch)
        self.micro = min(settings.micro_batch or batch, batch)
        if self._alone(self.micro):
            raise InputError(
                f"{batch} images, {self.micro} at a time: one view would go through the network alone, which "
                "is too little for a batch norm. Use a larger batch_size or micro_batch."
            )
        network = team.network(encoder)
        self.network = torch.compile(network) if settings.compile else network

    def learn(self, rows: np.ndarray, slope: Callable[[Tensor], Tensor]) -> None:
        """Add the gradient of a batch's loss to the weights.

        The loss may be any function of the whole batch: all its features are found first; ``slope`` turns these
        (views, n, dim) into the gradient of the loss with respect to them; that is sent back part by part. With
        several parts the first pass is without gradients and each part goes through once more, with the random
        numbers that it had (dropout), so that memory is needed for one part alone.

        References
        ----------
        Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", RepL4NLP 2021.
        """
        mine = self.team.part(len(rows))
        parts = parts_of(mine.stop - mine.start, self.micro)
        views = self._draw(rows[mine], mine, len(rows))
        seen = [[group[:, part] for group in views] for part in parts]
        once = len(parts) == 1
        features, states = [], []
        with torch.set_grad_enabled(once):
            for part in seen:
                states.append({} if once else random_state(self.device))
                features.append(self._features(part))
        ours = torch.cat([part.detach() for part in features], dim=1)
        gradient = slope(self.team.all_gather(ours, dim=1))[:, mine]
        if once:
            features[0].backward(gradient)
            return
        now = random_state(self.device)
        for part, views, state in zip(parts, seen, states, strict=True):
            set_random_state(state, self.device)
            self._features(views).backward(gradient[:, part])
        set_random_state(now, self.device)

    @torch.no_grad()
    def everyone(self, n: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Rows (b,) and features (views, b, dim) of all n images, by the network as it is.

        Every process does all of it, so that the batch norms see what they would see in one.
        """
        rows = np.arange(n)
        for part in parts_of(n, self.micro):
            views = self._draw(rows[part], slice(0, len(rows[part])), len(rows[part]))
            yield rows[part], self._features(views)

    def take_fewer(self, error: torch.OutOfMemoryError, step: int) -> None:
        """Halve the images at once, from this step on (counted from 1); InputError where that can't be."""
        if self.team.size > 1:  # the others are in the middle of this step
            raise InputError(
                f"The GPU's memory is too small for {self.batch // self.team.size} images at once. Set "
                "micro_batch, the number of images that each process takes at once."
            ) from error
        half = (self.micro + 1) // 2
        if half == self.micro or self._alone(half):
            raise InputError(
                f"One image of {self.size}×{self.size} does not fit into the memory "
                "of the GPU. Use a smaller size or network."
            ) from error
        self.micro = half
        torch.cuda.empty_cache()
        tell(
            f"The GPU's memory is too small for {self.batch} images at once: from step {step} "
            f"on they go through the network by {half}. A step still learns from all of them."
        )

    def _alone(self, micro: int) -> bool:
        """Whether with ``micro`` images at once one view would be alone somewhere: a batch norm needs two."""
        each = self.batch // self.team.size
        return each // -(-each // micro) * min(self.n_views, self.views.small or 2) < 2

    def _draw(self, rows: np.ndarray, place: slice, n: int) -> list[Tensor]:
        """Standardised views (views, b, c, h, w) of the images at ``rows``, which lie at ``place`` in a batch of n.

        The full views, then the small ones if there are any.
        """
        how = self.batches.light(rows), self.views, self.generator, (place, n)
        full = [view(*how) for _ in range(self.n_views)]
        small = [small_view(*how) for _ in range(self.views.small)]
        standard = self.batches.scaling.standard
        return [torch.stack([standard(v) for v in group]) for group in (full, small) if group]

    def _features(self, views: list[Tensor]) -> Tensor:
        """Views (v, n, c, h, w) of one or two sizes → float32 (views, n, dim)."""
        out = []
        for group in views:
            flat = group.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            with autocast(self.device):
                features = self.network(flat)
            features = features.float()
            if self.unit:
                features = functional.normalize(features, dim=1)
            out.append(features.view(*group.shape[:2], -1))
        return torch.cat(out)


def parts_of(n: int, most: int) -> list[slice]:
    """0 … n - 1 in as few parts as possible of at most ``most``, all about as large."""
    ends = np.linspace(0, n, -(-n // most) + 1).round().astype(int)
    return [slice(start, end) for start, end in zip(ends[:-1], ends[1:], strict=True)]
