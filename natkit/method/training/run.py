"""Training by Noise As Targets: views of a batch, a target for each image, one step of the square loss."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.method.batches import Scaling, autocast
from natkit.method.objectives.matching import Matcher
from natkit.method.settings import Settings
from natkit.method.training.distributed import ALONE, Team
from natkit.method.training.loop import Loop, parts_of
from natkit.method.training.sampling import weighted_epoch
from natkit.method.views.images import Among, small_view, view


def square_loss(views: Tensor, goals: Tensor) -> Tensor:
    """``½‖view − goal‖²`` of each image, summed over dimensions, averaged over its views.

    (The mean over dimensions would make the step dim times smaller: the best known way to fail.)

    Parameters
    ----------
    views
        float32 (v, n, dim), unit rows.
    goals
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
    return 0.5 * ((views - goals) ** 2).sum(dim=2).mean(dim=0)


class Run(Loop):
    """One training by Noise As Targets: its networks, optimiser and assignment, and how far it has come.

    Batches and views depend on (seed, epoch) alone, and the state holds how far the random numbers of an epoch
    have come, so a run that goes on from any step goes on exactly as it would have.

    Parameters
    ----------
    encoder, pixels, scaling, settings, team
        See :class:`natkit.method.training.loop.Loop`; the encoder is the backbone, then the head.
    held
        int (n,): index of the target that each image holds at first; -1 (soft matching): none yet.
    weights
        float (n,): how often each image is shown; by default each once an epoch.

    Attributes
    ----------
    history : list of dict
        One row an epoch: epoch, loss, agreement (mean cosine between two full views of one image), others (the
        same between views of two images: what agreement is without learning), changed (one target an
        image alone, else None: share of the images seen that traded their target), seconds since the start.
    """

    what = "train NAT"

    def __init__(
        self,
        encoder: nn.Sequential,
        pixels: np.ndarray,
        held: np.ndarray,
        scaling: Scaling,
        settings: Settings,
        weights: np.ndarray | None = None,
        team: Team = ALONE,
    ):
        super().__init__(encoder, pixels, scaling, settings, team)
        self.weights = weights
        self.soft = settings.matching == "soft"
        self.matcher = Matcher(held, settings, self.device)
        self.middle: dict[str, Tensor] = {}  # of the epoch in which this run goes on

    def train(
        self,
        end_epoch: Callable[[], None] = lambda: None,
        in_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """See :meth:`natkit.method.training.loop.Loop.train`; with ``whole_set`` or several processes not ``in_epoch``.

        (The matching of a whole set runs beside the epoch, and begins anew with a resumed one; clocks differ.)
        """
        whole = self.settings.whole_set or self.team.size > 1
        super().train(end_epoch, (lambda: None) if whole else in_epoch)
        self.matcher.held = self.team.spread(torch.from_numpy(self.matcher.held)).numpy()
        self.matcher.close()

    def _begin(self) -> None:
        if self.settings.whole_set and not self.history:
            self._match_all()

    def _open(self, epoch: int) -> np.ndarray:
        self.before = None if self.soft else self.matcher.held.copy()
        return super()._open(epoch)

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        if self.weights is not None:
            return weighted_epoch(self.weights, self.batch, rng)
        return super()._order(rng)

    def _close(self, marks: list[dict], seen: np.ndarray) -> dict:
        return self.team.first(lambda: self._row(marks, seen))

    def _row(self, marks: list[dict], seen: np.ndarray) -> dict:
        """A row of the history; the first process alone knows who traded."""
        self.matcher.end_epoch()
        row = super()._close(marks, seen)
        for key in ("agreement", "others"):
            values = [mark[key] for mark in marks]
            row[key] = None if None in values else float(np.mean(values))
        if self.soft:
            return row | {"changed": None}
        changed = self.before[seen] != self.matcher.held[seen]
        return row | {"changed": float(changed.mean())}

    def _gradients(self, rows: np.ndarray, epoch: int) -> dict:
        """Gradients of the loss of one batch; its images go through the network ``micro`` at a time.

        In parts the batch goes through twice: without gradients for the features, by which all of it is matched;
        then with gradients, towards the targets that it got.
        """
        team = self.team
        mine = team.part(len(rows))
        each = mine.stop - mine.start
        parts = parts_of(each, self.micro)
        views = self._views(self.batches.light(rows[mine]), (mine, len(rows)))
        seen = [[group[:, part] for group in views] for part in parts]
        with torch.set_grad_enabled(len(parts) == 1):
            features = [self._features(part) for part in seen]
        known = team.gather(torch.cat([part.detach() for part in features], dim=1), dim=1)
        full = known[: self.settings.n_views]
        if not self.soft:
            self._must_point(full)
        goals = self._goals(full, rows, epoch)
        if len(known) > len(full):  # small crops go where the full views are
            goals = goals.expand(len(full), -1, -1)
            goals = torch.cat([goals, goals.mean(dim=0).expand(len(known) - len(full), -1, -1)])
        loss = square_loss(known, goals)
        goals = goals[:, mine]
        for i, part in enumerate(parts):
            again = features[i] if len(parts) == 1 else self._features(seen[i])
            share = square_loss(again, goals[:, part]).sum()
            # the gradients of all processes are averaged
            (share * team.size if self.settings.reduction == "sum" else share / each).backward()
        return {"loss": loss.mean().item(), **likeness(full)}

    def _goals(self, full: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """Where the views of the whole batch should go, as the first process matches them."""
        if self.team.rank == 0:
            goals = self.matcher.goals(full, rows, epoch)
        else:
            goals = torch.empty_like(full if self.soft else full[:1])
        return self.team.spread(goals)

    def _must_point(self, features: Tensor) -> None:
        """Only what has a direction can be matched with one target."""
        if not features.isfinite().all():
            raise InputError(
                f"Training broke down: the features are NaN or infinite at step {self.done + 1} of {self.steps}. "
                f"Use a smaller learning rate than {self.settings.lr:g}."
            )
        dead = (features == 0).all(dim=2)
        if dead.any():
            raise InputError(
                f"Training broke down: for {dead.sum()} of {dead.numel()} views all outputs of the head are 0, so "
                "there is no direction to match. Its last layer must be linear, with no ReLU behind it."
            )

    def _views(self, light: Tensor, among: Among = None) -> list[Tensor]:
        """Standardised views (views, n, c, h, w): the full ones, then the small crops if there are any."""
        how = light, self.views, self.generator, among
        full = [view(*how) for _ in range(self.settings.n_views)]
        small = [small_view(*how) for _ in range(self.views.small)]
        standard = self.batches.scaling.standard
        return [torch.stack([standard(v) for v in group]) for group in (full, small) if group]

    def _features(self, views: list[Tensor]) -> Tensor:
        """Views (v, n, c, h, w) of one or two sizes → float32 (views, n, dim), unit rows."""
        out = []
        for group in views:
            flat = group.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            with autocast(self.device):
                features = self.network(flat)
            unit = functional.normalize(features.float(), dim=1)
            out.append(unit.view(*group.shape[:2], -1))
        return torch.cat(out)

    @torch.no_grad()
    def _match_all(self) -> None:
        """Match all images with their targets by the features of the network as it is.

        Every process does all of it, once a run, so that the batch norms see what they would see in one.
        """
        buffers = {name: value.clone() for name, value in self.encoder.named_buffers()}
        everyone, part = np.arange(len(self.matcher.held)), None
        while part is None or part.stop < len(everyone):
            try:
                self._open(0)
                for part in parts_of(len(everyone), self.micro):
                    views = self._views(self.batches.light(everyone[part]))
                    self.matcher.remember(self._features(views), everyone[part])
            except torch.OutOfMemoryError as error:
                self._take_fewer(error, 0)
                part = None
        self.matcher.held = self.matcher.match_all(self.matcher.bank, self.matcher.held)
        self.encoder.load_state_dict(buffers, strict=False)

    def _note(self, mark: dict, steps: int, seconds: float) -> dict[str, str]:
        note = super()._note(mark, steps, seconds)
        if not self.soft and self.history:
            note["changed"] = f"{self.history[-1]['changed']:.0%}"
        return note

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed run needs besides the history, as tensors; between two steps."""
        kept = {f"encoder.{name}": value for name, value in self.encoder.state_dict().items()}
        for index, slots in self.optimizer.state_dict()["state"].items():
            kept |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
        kept |= {f"matcher.{name}": value for name, value in self.matcher.state().items()}
        return kept | {f"middle.{name}": value for name, value in self._middle().items()}

    def _middle(self) -> dict[str, Tensor]:
        """Of an epoch under way: its random numbers, marks, seconds, and who held what when it began."""
        if not self.marks:
            return {}
        kept = {"views": self.generator.get_state(), "torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            kept["cuda"] = torch.cuda.get_rng_state(self.device)
        kept["seconds"] = torch.tensor(time.perf_counter() - self.start, dtype=torch.float64)
        for name in self.marks[0]:  # what a kind of training doesn't know is None
            values = [np.nan if mark[name] is None else mark[name] for mark in self.marks]
            kept[f"mark.{name}"] = torch.tensor(values, dtype=torch.float64)
        return kept if self.soft else kept | {"before": torch.from_numpy(self.before)}

    def _go_on(self) -> None:
        if len(self.middle["views"]) == len(self.generator.get_state()):  # the same kind of device
            self.generator.set_state(self.middle["views"])
        torch.set_rng_state(self.middle["torch"])
        if "cuda" in self.middle and self.device.type == "cuda":
            torch.cuda.set_rng_state(self.middle["cuda"], self.device)
        self.start = time.perf_counter() - self.middle["seconds"].item()
        if not self.soft:
            self.before = self.middle["before"].numpy()

    def restore(self, kept: dict[str, Tensor], history: list[dict]) -> None:
        """Go on from a :meth:`state`."""

        def part(name: str) -> dict[str, Tensor]:
            return {key[len(name) + 1 :]: kept[key] for key in kept if key.startswith(name + ".")}

        self.encoder.load_state_dict(part("encoder"))
        slots: dict[int, dict[str, Tensor]] = {}
        for key, value in part("optimizer").items():
            index, name = key.split(".")
            slots.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": slots})
        if self.team.rank == 0:
            self.matcher.restore(part("matcher"))
        self.history, self.middle = history, part("middle")
        marks = {key[5:]: value for key, value in self.middle.items() if key.startswith("mark.")}
        rows = zip(*(value.tolist() for value in marks.values()), strict=True)
        self.marks = [
            {name: None if np.isnan(v) else v for name, v in zip(marks, row, strict=True)}
            for row in rows
        ]


def likeness(features: Tensor) -> dict[str, float | None]:
    """Mean cosine between views of one image, and between views of two images; (v, n, d) unit rows.

    With one view there is none to compare with: None.
    """
    if len(features) < 2:
        return {"agreement": None, "others": None}
    cosine = features[0] @ features[1].T
    own = cosine.diagonal().mean()
    others = (cosine.sum() - cosine.diagonal().sum()) / max(1, cosine.numel() - len(cosine))
    return {"agreement": own.item(), "others": others.item()}
