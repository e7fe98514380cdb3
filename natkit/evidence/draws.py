"""Which labels are known in each repeat of a label curve: drawn once, the same for all that are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.evidence.questions import answered

BAND = (5, 95)  # percentiles
TESTS = 200  # resamples of the test images, in each of which each draw of labels is looked at
FOLDS = 3
MORE = 50  # labels, of which the gain is foretold


@dataclass(frozen=True)
class Draw:
    """Labels that are known in one repeat: ``ids`` int64 (budget,), of train images."""

    repeat: int
    budget: int
    ids: np.ndarray


def draws(
    table: pd.DataFrame,
    label: str | Sequence[str],
    budgets: Sequence[int] | None = None,
    repeats: int = 10,
    seed: int = 0,
) -> list[Draw]:
    """Which labels are known, for each budget and repeat; a smaller budget is part of the larger one.

    In each repeat the labelled train images are shuffled, and one of each class is put first: without it
    nothing could be learnt, and an engineer would see to it too.

    Parameters
    ----------
    table
        The manifest, with ``id``, ``split`` and ``label``.
    budgets
        Numbers of labels; None: 1, 2, 5, 10 … from twice the number of classes (at least 10) up to all.
    repeats
        How often labels are drawn anew; with all labels there is nothing to draw.

    Raises
    ------
    InputError
        If there are too few labels to score, or a budget is larger than the labelled train images.
    """
    ask, ids, split, _ = answered(table.sort_values("id"), label, "for a curve")
    train = ids[split == "train"]
    y = ask.part(split == "train").strata()
    budgets = _budgets(budgets, len(train), len(ask.names))
    made = []
    for repeat in range(repeats):
        order = np.random.default_rng([seed, repeat]).permutation(len(train))
        _, first = np.unique(y[order], return_index=True)
        order = np.r_[order[np.sort(first)], np.delete(order, first)]
        made += [
            Draw(repeat, budget, train[order[:budget]])
            for budget in budgets
            if budget < len(train) or repeat == 0
        ]
    return made


def _budgets(budgets, n: int, classes: int) -> list[int]:
    if budgets is None:
        steps = [b * 10**e for e in range(1, 8) for b in (1, 2, 5)]
        return [b for b in steps if max(10, 2 * classes) <= b < 0.9 * n] + [n]
    wrong = [
        b for b in budgets if not (isinstance(b, int | np.integer) and max(2, classes) <= b <= n)
    ]
    if wrong or not len(budgets):
        raise InputError(
            f"Budgets lie between {max(2, classes)} (one label a class) and {n} (the labelled train images), "
            f"but they are {list(budgets)}. Leave them out to have them chosen."
        )
    return sorted(set(map(int, budgets)))
