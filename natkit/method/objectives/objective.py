"""What a training strives for: one file a loss. The loop shuffles, steps and keeps; the rest is said here."""

from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

Everyone = Callable[[], Iterator[tuple[np.ndarray, Tensor]]]


class Objective:
    """A loss and what it remembers; :class:`natkit.method.training.loop.Loop` calls it in the order below.

    Of several processes the first alone asks for the loss, closes epochs, and takes and restores the state; the rest
    is called in all of them.
    """

    what = "train"  # beside the bar; "" draws none
    unit = True  # features are divided by their length; False: as the head gives them
    least_steps = 0  # of an epoch: so few images are shuffled more than once
    kept_in_epoch = True  # its state can be kept between two steps

    def begin(self, everyone: Everyone) -> None:
        """Before the first step of a training, not of one that goes on.

        ``everyone()`` sends all images once through the network as it is: rows int64 (b,) and features (views, b,
        dim), part by part. Where the memory runs short it starts again.
        """

    def open(self, epoch: int) -> None:
        """Before the first step of an epoch, counted from 0; the whole network is in training mode."""

    def check(self, features: Tensor, where: str) -> None:
        """Raise InputError for features (views, n, dim) that can't be learnt from; ``where`` names the step."""

    def loss(self, features: Tensor, rows: np.ndarray, epoch: int) -> Tensor:
        """How far each image of a batch is from where it should be.

        Parameters
        ----------
        features
            float32 (views, n, dim), the full views, then the small ones; the gradient flows to them.
        rows
            int64 (n,), rising: which images these are.
        epoch
            Counted from 0.

        Returns
        -------
        Tensor
            float32 (n,). An entry may depend on the whole batch.
        """
        raise NotImplementedError

    def report(self, features: Tensor) -> dict[str, float | None]:
        """What else of a step goes into the history, as a mean over the epoch; None: not known."""
        return {}

    def after_step(self, share: float) -> None:
        """After each step of the optimiser, at this share of the training, up to 1."""

    def close(self, rows: np.ndarray) -> dict[str, float | None]:
        """After the last step of an epoch, which saw ``rows``: what goes into its line of the history."""
        return {}

    def note(self, history: list[dict]) -> dict[str, str]:
        """What the progress line says besides the loss."""
        return {}

    def end(self, broadcast: Callable[[Tensor], Tensor]) -> None:
        """After the last step; ``broadcast`` gives all processes the tensor of the first."""

    def state(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs; taken between two steps."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a :meth:`state`. Raises KeyError if something lacks."""


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
