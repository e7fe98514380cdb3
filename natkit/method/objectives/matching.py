"""From the features of a batch to where each of them should go; keeps who holds which target."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from natkit.method.objectives.assigned import narrow
from natkit.method.objectives.assignment import fast_match, match, rematch
from natkit.method.objectives.soft import soft_match
from natkit.method.objectives.targets import targets
from natkit.method.settings import Settings

SOLVERS = {"exact": match, "fast": fast_match}  # features, targets → a permutation


class Matcher:
    """The assignment of a run.

    Attributes
    ----------
    held
        (n,): index of the target that each image holds; with soft matching the nearest of the common targets,
        -1 for an image not seen yet. int32; int64 from 2³¹ targets on.
    """

    def __init__(self, held: np.ndarray, settings: Settings, device: torch.device):
        self.settings, self.device = settings, device
        self.held = np.array(narrow(held))
        self.queue = np.empty(0, np.int64)  # rows of the images seen last
        self.recent = torch.empty(
            settings.n_views, 0, settings.dim, device=device
        )  # their features
        self.bank = np.zeros((len(held), settings.dim), np.float16) if settings.whole_set else None
        self.job: Future | None = None  # the matching of all images that runs beside the training
        self.worker = ThreadPoolExecutor(1) if settings.whole_set else None
        if settings.matching == "soft":
            index = torch.arange(settings.n_targets, device=device)
            self.common = targets(index, settings.dim, settings.seed)

    def goals(self, views: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """Where each view should go: the target of its image, or with soft matching its pseudo-target.

        One target an image is matched with the mean of the views, which is best for all of them. In soft
        matching every view is a point of its own, and moves from the mean of its image.

        Parameters
        ----------
        views
            float32 (v, b, dim), unit rows.
        rows
            int64 (b,): which images these are.
        epoch
            Counted from 0; one target an image is traded in every ``match_every``-th.

        Returns
        -------
        Tensor
            (v, b, dim) for soft matching, else (1, b, dim); without gradient.
        """
        views = views.detach()
        middle = views.mean(dim=0)
        older = ~np.isin(self.queue, rows)  # an image stands in the pool once
        queue, recent = self.queue[older], self.recent[:, torch.from_numpy(older).to(self.device)]
        everyone = np.concatenate([rows, queue])
        pool = torch.cat([views, recent], dim=1)
        if self.settings.matching == "soft":
            apart = torch.arange(len(everyone), device=self.device).repeat(len(views))
            move, nearest = soft_match(
                pool.flatten(0, 1), self.common, self.settings.temperature, apart
            )
            goals = middle + move.view_as(pool)[:, : len(rows)]
            self.held[rows] = nearest[: len(rows)].cpu().numpy()
        else:
            if epoch % self.settings.match_every == 0:
                own = self._targets(self.held[everyone])
                order = SOLVERS[self.settings.matching](_middle(pool), own).cpu().numpy()
                self.held[everyone] = self.held[everyone][order]
            goals = self._targets(self.held[rows])[None]
        keep = max(0, self.settings.pool - len(rows))
        self.queue, self.recent = everyone[:keep], pool[:, :keep]
        self.remember(views, rows)
        return goals

    def remember(self, views: Tensor, rows: np.ndarray) -> None:
        """Keep the features of these images for the matching of all."""
        if self.bank is not None:
            self.bank[rows] = _middle(views).half().cpu().numpy()

    def end_epoch(self) -> None:
        """Take over the matching of all images that ran beside this epoch, and start the next."""
        if self.bank is None:
            return
        if self.job is not None:
            self.held = self.job.result()
        self.job = self.worker.submit(self.match_all, self.bank.copy(), self.held.copy())

    def match_all(self, bank: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Trade targets between all images, from their features (n, dim) at one moment."""
        features = functional.normalize(torch.from_numpy(bank).float(), dim=1)
        order = np.random.default_rng(self.settings.seed)
        return rematch(features, held, self.settings.dim, self.settings.seed, order)

    def close(self) -> None:
        """End the run; a matching of all images that is still under way is not waited for."""
        if self.worker is not None:
            self.worker.shutdown(wait=False, cancel_futures=True)

    def _targets(self, index: np.ndarray) -> Tensor:
        at = torch.from_numpy(index).to(self.device)
        return targets(at, self.settings.dim, self.settings.seed)

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs; to be taken right after :meth:`end_epoch`."""
        kept = {"held": torch.from_numpy(self.held), "queue": torch.from_numpy(self.queue)}
        kept["recent"] = self.recent
        if self.bank is not None:
            kept["bank"] = torch.from_numpy(self.bank)
        return kept

    def restore(self, kept: dict[str, Tensor]) -> None:
        """Go on from a :meth:`state`."""
        self.held, self.queue = narrow(kept["held"].numpy()), kept["queue"].numpy()
        self.recent = kept["recent"].to(self.device)
        if self.bank is not None:
            self.bank = kept["bank"].numpy()
            self.end_epoch()


def _middle(views: Tensor) -> Tensor:
    """The mean of the views (v, n, dim) of each image, at length 1: (n, dim)."""
    return functional.normalize(views.mean(dim=0), dim=1)
