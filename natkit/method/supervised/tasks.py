"""What labels ask of a network: classes, several columns of yes and no, or a measurement; and the loss."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from natkit.core.errors import InputError
from natkit.core.labels import MANY, class_names


@dataclass(frozen=True)
class Goals:
    """What each image is labelled.

    ``task`` is "classes", "columns" or "measurement"; ``names`` (k) those of the classes or columns; ``values`` int64
    (n,) index of the class, -1 without a label, or float32 (n, k), NaN without; ``known`` bool (n,): has it any
    label?
    """

    task: str
    names: list[str]
    values: np.ndarray
    known: np.ndarray


def goals_of(table: pd.DataFrame, label: str | Sequence[str]) -> Goals:
    """The goals in a column of classes or measurements, or in several columns of 0 and 1.

    Raises
    ------
    InputError
        If a column is absent, or one of several holds something else than 0 and 1.
    """
    columns = [label] if isinstance(label, str) else list(label)
    for column in columns:
        if column not in table.columns:
            raise InputError(
                f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}. "
                "Name one of these as label."
            )
    if not isinstance(label, str):
        values = np.stack([_yes_or_no(table[column]) for column in columns], axis=1)
        return Goals("columns", columns, values, np.isfinite(values).any(axis=1))
    column = table[label]
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MANY:
        values = column.to_numpy(np.float32, na_value=np.nan)[:, None]
        return Goals("measurement", [label], values, np.isfinite(values[:, 0]))
    names = class_names(column)
    index, classes = pd.factorize(names, sort=True)
    return Goals("classes", list(classes), index.astype(np.int64), index >= 0)


def _yes_or_no(column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(np.float32)
    bad = column.notna().to_numpy() & ~np.isin(numbers, (0, 1))
    if bad.any():
        raise InputError(
            f"Of several label columns each holds 0 and 1, but {column.name!r} holds "
            f"{column[bad].iloc[0]!r}. Give one column of classes, or columns of 0 and 1."
        )
    return numbers


class Loss:
    """How far scores are from the goals, the same to every class that is in the images trained on.

    Parameters
    ----------
    goals
        Of all images.
    train
        int64: rows that are trained on. They weigh the classes, or give a measurement its unit.
    device
        Where the scores are.

    Raises
    ------
    InputError
        If the images trained on hold one class, one value, or in every column the same.
    """

    def __init__(self, goals: Goals, train: np.ndarray, device: torch.device):
        self.task = goals.task
        mine = goals.values[train]
        self.mean, self.std, weight = 0.0, 1.0, np.ones(1)
        if self.task == "classes":
            counts = np.bincount(mine, minlength=len(goals.names))
            found = (counts > 0).sum()
            weight = np.where(counts > 0, len(mine) / (found * np.maximum(counts, 1)), 0)
        else:
            found = max(len(np.unique(column[np.isfinite(column)])) for column in mine.T)
        if found < 2:
            raise InputError(
                f"The {len(train)} labelled images to train on hold one and the same label, so there is nothing "
                "to learn. Label images of another class."
            )
        if self.task == "measurement":
            self.mean, self.std = float(mine.mean()), float(mine.std())
        self.values = torch.from_numpy(goals.values).to(device)
        self.weight = torch.tensor(weight, dtype=torch.float32, device=device)

    def __call__(self, scores: Tensor, rows: np.ndarray) -> Tensor:
        """float32 (n,) for scores (n, k) of the images at ``rows`` (int64, n)."""
        goals = self.values[torch.from_numpy(rows).to(self.values.device)]
        if self.task == "classes":
            each = functional.cross_entropy(scores, goals, reduction="none")
            return each * self.weight[goals]
        known = goals.isfinite()
        goals = torch.where(known, (goals - self.mean) / self.std, 0)
        if self.task == "columns":
            each = functional.binary_cross_entropy_with_logits(scores, goals, reduction="none")
        else:
            each = (scores - goals) ** 2
        return (each * known).sum(dim=1) / known.sum(dim=1)

    def ranks(self, scores: np.ndarray, rows: np.ndarray) -> float | None:
        """How well scores (n, k) order the images at ``rows``, more is better; None if that can't be said.

        Mean over the classes or columns of the area under the ROC curve, as the probes are scored; over those of
        which ``rows`` hold both kinds. Of a measurement: less the mean squared error.
        """
        goals = self.values.cpu().numpy()[rows]
        if self.task == "measurement":
            return (
                float(-np.mean((scores - (goals - self.mean) / self.std) ** 2))
                if len(rows)
                else None
            )
        if self.task == "classes":
            scores = scores - scores.mean(axis=1, keepdims=True)
            goals = np.eye(scores.shape[1])[goals]
        known = [np.isfinite(column) for column in goals.T]
        areas = [
            roc_auc_score(column[there], score[there])
            for column, score, there in zip(goals.T, scores.T, known, strict=True)
            if len(np.unique(column[there])) == 2
        ]
        return float(np.mean(areas)) if areas else None

    def settle(self, classifier: nn.Linear) -> None:
        """Let the last layer give scores that can be compared between images.

        A measurement in its own unit. Of classes the scores of an image have mean 0: what is added to all of them
        changes no chance. Columns stay.
        """
        with torch.no_grad():
            for weight in (classifier.weight, classifier.bias):
                weight.mul_(self.std)
                if self.task == "classes":
                    weight.sub_(weight.mean(dim=0))
            classifier.bias.add_(self.mean)
