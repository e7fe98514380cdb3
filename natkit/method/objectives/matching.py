"""Noise As Targets: from the features of a batch to where each should go; keeps who holds which target."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.method.objectives.assigned import narrow
from natkit.method.objectives.assignment import fast_match, match, rematch
from natkit.method.objectives.objective import Everyone, Objective, likeness
from natkit.method.objectives.soft import soft_match
from natkit.method.objectives.targets import targets
from natkit.method.settings import Settings

SOLVERS = {"exact": match, "fast": fast_match}  # features, targets → a permutation


class NoiseAsTargets(Objective):
    """The square loss to fixed noise, and the assignment of a run.

    Parameters
    ----------
    held
        int (n,): index of the target that each image holds at first; -1 (soft matching): none yet.
    settings
        Matching, targets, views and loss, see :class:`natkit.method.settings.Settings`.
    device
        Where the features are.

    Attributes
    ----------
    held
        (n,): index of the target that each image holds; with soft matching the nearest of the common targets,
        -1 for an image not seen yet. int32; int64 from 2³¹ targets on.
    """

    what = "train NAT"

    def __init__(self, held: np.ndarray, settings: Settings, device: torch.device):
        self.settings, self.device = settings, device
        self.soft = settings.matching == "soft"
        self.kept_in_epoch = not settings.whole_set  # its matching beside the epoch begins anew
        self.held = np.array(narrow(held))
        self.before: np.ndarray | None = None  # who held what when the epoch began
        self.queue = np.empty(0, np.int64)  # rows of the images seen last
        self.recent = torch.empty(
            settings.n_views, 0, settings.dim, device=device
        )  # their features
        self.bank = np.zeros((len(held), settings.dim), np.float16) if settings.whole_set else None
        self.job: Future | None = None  # the matching of all images that runs beside the training
        self.worker = ThreadPoolExecutor(1) if settings.whole_set else None
        if self.soft:
            index = torch.arange(settings.n_targets, device=device)
            self.common = targets(index, settings.dim, settings.seed)

    def begin(self, everyone: Everyone) -> None:
        """Match all images with their targets by the features of the network as it is."""
        if self.bank is None:
            return
        for rows, features in everyone():
            self._remember(features, rows)
        self.held = self._match_all(self.bank, self.held)

    def open(self, epoch: int) -> None:
        if not self.soft and self.before is None:  # else it was restored
            self.before = self.held.copy()

    def check(self, features: Tensor, where: str) -> None:
        """Only what has a direction can be matched with one target."""
        if self.soft:
            return
        full = features[: self.settings.n_views]
        if not full.isfinite().all():
            raise InputError(
                f"Training broke down: the features are NaN or infinite at {where}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )
        dead = (full == 0).all(dim=2)
        if dead.any():
            raise InputError(
                f"Training broke down: for {dead.sum()} of {dead.numel()} views all outputs of the head are 0, so "
                "there is no direction to match. Its last layer must be linear, with no ReLU behind it."
            )

    def loss(self, features: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """The square loss; small views go where the full ones of their image go on average."""
        full = features[: self.settings.n_views]
        wanted = self.pseudo_targets(full, rows, epoch)
        small = len(features) - len(full)
        if small:
            wanted = wanted.expand(len(full), -1, -1)
            wanted = torch.cat([wanted, wanted.mean(dim=0).expand(small, -1, -1)])
        return square_loss(features, wanted)

    def pseudo_targets(self, views: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """Where each view should go: the target of its image, or with soft matching its pseudo-target.

        One target an image is matched with the mean of the views, which is best for all of them. In soft
        matching every view is a point of its own, and moves from the mean of its image.

        Parameters
        ----------
        views
            float32 (v, b, dim), unit rows: the full views.
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
        older = ~np.isin(self.queue, rows)  # an image stands in the pool once
        recent = self.recent[:, torch.from_numpy(older).to(self.device)]
        everyone = np.concatenate([rows, self.queue[older]])
        pool = torch.cat([views, recent], dim=1)
        if self.soft:
            wanted = views.mean(dim=0) + self._soft_steps(pool, rows)
        else:
            if epoch % self.settings.match_every == 0:
                self._trade(pool, everyone)
            wanted = self._targets_of(rows)[None]
        keep = max(0, self.settings.pool - len(rows))
        self.queue, self.recent = everyone[:keep], pool[:, :keep]
        self._remember(views, rows)
        return wanted

    def report(self, features: Tensor) -> dict[str, float | None]:
        return likeness(features[: self.settings.n_views])

    def close(self, rows: np.ndarray) -> dict[str, float | None]:
        """Which share of the images traded its target; None: there is no target of one image alone.

        Takes over the matching of all images that ran beside this epoch, and starts the next.
        """
        if self.bank is not None:
            if self.job is not None:
                self.held = self.job.result()
            self._match_beside()
        if self.soft:
            return {"changed": None}
        changed = self.before[rows] != self.held[rows]
        self.before = None
        return {"changed": float(changed.mean())}

    def note(self, history: list[dict]) -> dict[str, str]:
        return {} if self.soft or not history else {"changed": f"{history[-1]['changed']:.0%}"}

    def end(self, broadcast: Callable[[Tensor], Tensor]) -> None:
        """All get the assignment; a matching of all images that is still under way is not waited for."""
        self.held = broadcast(torch.from_numpy(self.held)).numpy()
        if self.worker is not None:
            self.worker.shutdown(wait=False, cancel_futures=True)

    def state(self) -> dict[str, Tensor]:
        state = {"held": torch.from_numpy(self.held), "queue": torch.from_numpy(self.queue)}
        state["recent"] = self.recent
        if self.bank is not None:
            state["bank"] = torch.from_numpy(self.bank)
        if self.before is not None:
            state["before"] = torch.from_numpy(self.before)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        self.held, self.queue = narrow(state["held"].numpy()), state["queue"].numpy()
        self.recent = state["recent"].to(self.device)
        if "before" in state:
            self.before = state["before"].numpy()
        if self.bank is not None:
            self.bank = state["bank"].numpy()
            self._match_beside()

    def _soft_steps(self, pool: Tensor, rows: np.ndarray) -> Tensor:
        """The step of each view (v, b, dim) of the first images of the pool."""
        v, size = pool.shape[:2]
        image = torch.arange(size, device=self.device).repeat(v)
        temperature = self.settings.temperature
        step, nearest = soft_match(pool.flatten(0, 1), self.common, temperature, image)
        self.held[rows] = nearest[: len(rows)].cpu().numpy()
        return step.view_as(pool)[:, : len(rows)]

    def _trade(self, pool: Tensor, everyone: np.ndarray) -> None:
        """Let the images of the pool (v, p, dim), at rows ``everyone``, trade their targets."""
        solver = SOLVERS[self.settings.matching]
        order = solver(_middle(pool), self._targets_of(everyone)).cpu().numpy()
        self.held[everyone] = self.held[everyone][order]

    def _targets_of(self, rows: np.ndarray) -> Tensor:
        index = torch.from_numpy(self.held[rows]).to(self.device)
        return targets(index, self.settings.dim, self.settings.seed)

    def _remember(self, views: Tensor, rows: np.ndarray) -> None:
        """Keep the features of these images for the matching of all."""
        if self.bank is not None:
            self.bank[rows] = _middle(views).half().cpu().numpy()

    def _match_beside(self) -> None:
        self.job = self.worker.submit(self._match_all, self.bank.copy(), self.held.copy())

    def _match_all(self, bank: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Trade targets between all images, from their features (n, dim) at one moment."""
        features = functional.normalize(torch.from_numpy(bank).float(), dim=1)
        order = np.random.default_rng(self.settings.seed)
        return rematch(features, held, self.settings.dim, self.settings.seed, order)


def square_loss(views: Tensor, wanted: Tensor) -> Tensor:
    """``½‖view − target‖²`` of each image, summed over dimensions, averaged over its views.

    (The mean over dimensions would make the step dim times smaller: the best known way to fail.)

    Parameters
    ----------
    views
        float32 (v, n, dim), unit rows.
    wanted
        (v, n, dim) or (1, n, dim): the target or pseudo-target of each view; no gradient flows to it.

    Returns
    -------
    Tensor
        float32 (n,).

    References
    ----------
    Bojanowski and Joulin, ICML 2017, eq. 2. With one target for all views of an image it equals
    ``½‖mean − target‖² + ½ mean over views ‖view − mean‖²``: the best target for the mean is the best for all.
    """
    return 0.5 * ((views - wanted) ** 2).sum(dim=2).mean(dim=0)


def _middle(views: Tensor) -> Tensor:
    """The mean of the views (v, n, dim) of each image, at length 1: (n, dim)."""
    return functional.normalize(views.mean(dim=0), dim=1)
