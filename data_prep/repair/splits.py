"""Splits that never separate what belongs together, yet are alike in label and groups."""

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.data.manifest import SPLITS

SHARES = (0.6, 0.2, 0.2)  # train, val, test
DEALS, MANY = 100, 500  # few components are dealt 100 times, the best is taken; many come out even


def assign_splits(
    together: np.ndarray, strata: pd.DataFrame, labelled: np.ndarray, seed: int
) -> np.ndarray:
    """train, val or test for each row: 60/20/20, alike in every column of ``strata``.

    Components go one after another, the largest first, where their values are missed most (for
    single rows this is the Webster method of apportionment). Those without any labelled row go to
    train.

    Parameters
    ----------
    together
        int (n,), from :func:`data_prep.rules.groups.components`.
    strata
        Columns (label, small groups) whose shares shall be alike in the splits.
    labelled
        bool (n,); the shares are counted over these rows.

    Returns
    -------
    Text (n,).

    Raises
    ------
    InputError
        If fewer than three components hold a label, so that a split would be empty.
    """
    together = np.unique(together, return_inverse=True)[1]
    counts = _count(together, strata, labelled)
    usable = np.flatnonzero(counts.sum(axis=1) > 0)
    if len(usable) < len(SPLITS):
        raise InputError(
            f"The groups tie the {len(together)} images into {len(usable)} inseparable set(s), but "
            "train, val and test need three. Leave out the group that ties the most, or add images."
        )
    rng = np.random.default_rng(seed)
    deals = DEALS if len(usable) < MANY else 1
    draws = [_deal(counts, usable, rng) for _ in range(deals)]
    split = min(draws, key=lambda draw: draw[1])[0]
    return np.array(SPLITS)[split[together]]


def _deal(counts: np.ndarray, usable: np.ndarray, rng: np.random.Generator):
    """A split for each component, and how far the outcome is from the shares wanted."""
    order = rng.permutation(usable)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    wanted = np.outer(SHARES, counts.sum(axis=0)) + 1e-9
    have = np.zeros_like(wanted)
    split = np.zeros(len(counts), int)  # what holds no label: train
    for left, part in zip(range(len(order), 0, -1), order, strict=True):
        need = counts[part]
        cost = (need * (2 * (have - wanted) + need) / wanted).sum(axis=1)
        bare = have.sum(axis=1) == 0
        if left <= bare.sum():  # the last ones go where nothing is yet
            cost[~bare] = np.inf
        split[part] = np.argmin(cost + 1e-9 * rng.random(len(SPLITS)))
        have[split[part]] += need
    return split, float(((have - wanted) ** 2 / wanted).sum())


def _count(together: np.ndarray, strata: pd.DataFrame, labelled: np.ndarray) -> np.ndarray:
    """float (components, cells): labelled rows of each component by cell; first column: all."""
    blocks = [np.zeros(len(together), int)]
    names = list(strata.columns)
    blocks += [pd.factorize(strata[c])[0] + 1 for c in names]
    # the first stratum (the label) crossed with each other one
    blocks += [blocks[1] * 10_000 + block for block in blocks[2:]]
    out = []
    for block in blocks:
        codes = np.unique(block, return_inverse=True)[1]
        cells = np.zeros((together.max() + 1, codes.max() + 1))
        np.add.at(cells, (together[labelled], codes[labelled]), 1.0)
        out.append(cells)
    return np.concatenate(out, axis=1)
