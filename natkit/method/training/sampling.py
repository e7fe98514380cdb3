"""Which images an epoch shows: all of them once, or as often as their weights say."""

import numpy as np

from natkit.core.errors import InputError


def weighted_epoch(sample_weight: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of one epoch, image i about ``sample_weight[i]`` times, and in no batch twice.

    Systematic sampling: of n drawn, an image with the share s comes ⌊n s⌋ or ⌈n s⌉ times, n s on
    average. Equal rows are dealt to different batches, since one image can't hold two targets at once;
    an image that should come more often than there are batches comes in each.

    Parameters
    ----------
    sample_weight
        float (n,), as :func:`checked` gives them.
    batch
        Images a batch, at most n.
    rng
        The same generator state gives the same rows.

    Returns
    -------
    int (m,), m at most n: whole batches, one after another.

    References
    ----------
    Madow and Madow, "On the theory of systematic sampling", Ann. Math. Stat. 15 (1944).
    """
    batches = len(sample_weight) // batch
    n = batches * batch
    share = sample_weight / sample_weight.sum()
    for _ in range(100):  # what is cut off goes to the others
        share = np.minimum(share / share.sum(), 1 / batch)
    order = rng.permutation(len(sample_weight))
    ends = np.cumsum(share[order])
    marks = (rng.random() + np.arange(n)) * (ends[-1] / n)
    rows = order[np.minimum(np.searchsorted(ends, marks, side="right"), len(order) - 1)]
    # neighbours, and so equal rows, go to different batches
    return rows.reshape(batch, batches).T.ravel()


def checked(sample_weight: np.ndarray, n: int, batch: int) -> np.ndarray:
    """``sample_weight`` as float64 (n,).

    Raises InputError for another length, numbers below 0, or fewer than ``batch`` above it.
    """
    try:
        sample_weight = np.asarray(sample_weight, np.float64)
    except ValueError as error:
        raise InputError(f"sample_weight needs {n} numbers, but {error}.") from error
    good = (
        sample_weight.shape == (n,)
        and (sample_weight >= 0).all()
        and np.isfinite(sample_weight).all()
    )
    if not good or (sample_weight > 0).sum() < batch:
        raise InputError(
            f"sample_weight needs {n} finite numbers of 0 or more, one an image, at least {batch} of "
            f"them above 0 (a batch), but got {sample_weight.shape} with {(sample_weight > 0).sum()} above 0. "
            "Pass the column weight of the prepared folder's table."
        )
    return sample_weight
