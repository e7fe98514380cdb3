"""How many labels does it take? Scores against the number of labels, labels saved, what more would bring."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from natkit.core.progress import progress
from natkit.data.embedding import Embedding
from natkit.evidence.draws import BAND, FOLDS, MORE, TESTS, Draw, draws
from natkit.evidence.intervals import resample
from natkit.evidence.probe import features, own_scores
from natkit.evidence.questions import Question, answered
from natkit.evidence.verdict import DECIDES


@dataclass(frozen=True)
class Curve:
    """Scores against the number of labels, all in ``facts``."""

    facts: dict

    def section(self) -> dict:
        """``summary["evidence"]["curve"]``, see ``summary.schema.json``; a copy."""
        return deepcopy(self.facts)

    @property
    def table(self) -> pd.DataFrame:
        """One row a line and budget: the median of all draws and its 90 % band."""
        rows = [
            {"name": line["name"], "labels": budget, "median": mid, "low": low, "high": high}
            for line in self.facts["lines"]
            for budget, mid, low, high in zip(
                line["budgets"], line["median"], line["low"], line["high"], strict=True
            )
        ]
        return pd.DataFrame(rows)


def label_curve(
    emb: Embedding,
    controls: Sequence[Embedding],
    table: pd.DataFrame,
    label: str | Sequence[str],
    budgets: Sequence[int] | None = None,
    repeats: int = 10,
    seed: int = 0,
    target: float | None = None,
    learned: Mapping[str, Sequence[tuple[Draw, Embedding]]] | None = None,
) -> Curve:
    """Score against the number of labels, for ours, its controls, and networks trained with the labels.

    The linear probe is fitted on the labels of each draw alone; its penalty is chosen by cross-validation
    within them, so no label outside the budget is used, except those of test that measure. (Standardising
    and principal components use the train images without their labels.)

    Parameters
    ----------
    emb, controls
        As for :func:`natkit.score`.
    budgets, repeats, seed
        As for :func:`draws`.
    target
        The score to reach; None: that of the best control with the largest budget.
    learned
        By name, what networks trained on some of the :func:`draws` say (class scores).

    Returns
    -------
    Curve
        ``lines`` (all draws, median and 90 % band), ``needed`` (labels to reach the target, for each
        line), ``saved`` (against each control) and ``more`` (the gain foretold for 50 more labels, from the slope
        of the last three budgets in the logarithm of the labels). Bands span the draws of labels and 200
        resamples of the test images; None stands for "more than there are".

    Notes
    -----
    Cost: 30 s for 3 embeddings of 2,624 × 128–256, 10 repeats, on one core.
    """
    made = draws(table, label, budgets, repeats, seed)
    ask, ids, split, _ = answered(table.sort_values("id"), label, "for a curve")
    test, train = split == "test", split == "train"
    weights = resample(ask.part(test).strata(), seed)[: 1 + TESTS]
    asked = ask.part(test)
    found: dict[str, dict[tuple[int, int], np.ndarray]] = {}
    work = [(each, draw) for each in (emb, *controls) for draw in made]
    ready: dict[str, np.ndarray] = {}
    with threadpool_limits(1):
        for each, draw in progress(work, "labels against score"):
            if each.name not in ready:
                ready = {each.name: features(each.at(ids), train, seed)}
            x, rows = ready[each.name], np.isin(ids, draw.ids)
            fitted = _fit(ask.part(rows), x[rows], seed)
            at = draw.repeat, draw.budget
            found.setdefault(each.name, {})[at] = asked.score(ask.read(fitted, x[test]), weights)
    for name, runs in (learned or {}).items():
        for draw, each in runs:
            read = own_scores(each, each.at(ids), ask)[test]
            found.setdefault(name, {})[draw.repeat, draw.budget] = asked.score(read, weights)
    role = {emb.name: "ours"} | {each.name: "control" for each in controls}
    lines = {
        name: _Line(name, role.get(name, "reference"), scores) for name, scores in found.items()
    }
    return Curve(_facts(lines, ask, made, target, label, int(test.sum()), int(train.sum())))


class _Line:
    """Scores of one embedding: ``values`` (repeats, budgets, 1 + resamples); row 0 is the test set."""

    def __init__(self, name: str, role: str, scores: dict[tuple[int, int], np.ndarray]):
        self.name, self.role = name, role
        self.budgets = sorted({budget for _, budget in scores})
        repeats = sorted({repeat for repeat, _ in scores})
        whole = {b: scores[r, b] for r, b in scores if sum(k[1] == b for k in scores) == 1}
        self.values = np.array(
            [[scores.get((r, b), whole.get(b)) for b in self.budgets] for r in repeats], dtype=float
        )

    def needed(self, target: np.ndarray) -> np.ndarray:
        """Labels at which each draw first reaches ``target`` (resamples,): (repeats, resamples), inf: never.

        Between two budgets the score is taken to be straight in the logarithm of the labels.
        """
        best = np.maximum.accumulate(self.values, axis=1)
        over = best >= target[None, None, :] - 1e-12
        at = over.argmax(axis=1)
        logs = np.log(self.budgets)
        r, b = np.indices(at.shape)
        upper, lower = best[r, at, b], best[r, np.maximum(at - 1, 0), b]
        part = np.divide(target - lower, upper - lower, out=np.ones(at.shape), where=upper > lower)
        part = np.where(at == 0, 1.0, np.clip(part, 0, 1))
        found = np.exp(logs[np.maximum(at - 1, 0)] * (1 - part) + logs[at] * part)
        return np.where(over.any(axis=1), found, np.inf)


def _facts(lines, ask, made, target, label, n_test, n_train) -> dict:
    ours = next(line for line in lines.values() if line.role == "ours")
    controls = [line for line in lines.values() if line.role == "control"]
    best = max(controls, key=lambda line: np.median(line.values[:, -1, 0]))
    reach = (
        np.full(ours.values.shape[2], target) if target else np.median(best.values[:, -1], axis=0)
    )
    need = {line.name: line.needed(reach) for line in lines.values()}
    pairs = [(ours, line) for line in controls]
    if {"fine-tuned", "supervised"} <= set(lines):
        pairs.append((lines["fine-tuned"], lines["supervised"]))
    return {
        "label": label if isinstance(label, str) else ", ".join(label),
        "metric": ask.metric,
        "repeats": 1 + max(draw.repeat for draw in made),
        "n_train": n_train,
        "n_test": n_test,
        "lines": [_drawn(line) for line in lines.values()],
        "target": {"value": float(reach[0]), "from": None if target else best.name},
        "needed": [{"name": name, **_band(values)} for name, values in need.items()],
        "saved": [
            {"control": line.name, **_band(_less(need[line.name], need[ours.name]))}
            for line in controls
        ],
        "gains": [
            {"name": a.name, "against": b.name, "labels": budget, **_band(_gap(a, b, budget))}
            for a, b in pairs
            for budget in a.budgets
            if budget in b.budgets
        ],
        "more": {"labels": MORE, "from": ours.budgets[-1], **_band(_more(ours))},
    }


def _drawn(line: _Line) -> dict:
    low, high = np.percentile(line.values, BAND, axis=(0, 2))
    return {
        "name": line.name,
        "role": line.role,
        "budgets": [int(b) for b in line.budgets],
        "draws": line.values[:, :, 0].tolist(),
        "median": np.median(line.values[:, :, 0], axis=0).tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def _less(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Labels saved; where the control never gets there, at least what it was given."""
    both = np.isinf(a) & np.isinf(b)
    with np.errstate(invalid="ignore"):
        return np.where(both, 0.0, a - b)


def _gap(a: _Line, b: _Line, budget: int) -> np.ndarray:
    one, other = (line.values[:, line.budgets.index(budget)] for line in (a, b))
    repeats = min(len(one), len(other))
    return one[:repeats] - other[:repeats]


def _more(line: _Line) -> np.ndarray:
    """The gain from ``MORE`` labels, by the least-squares slope of the last three budgets in the logarithm."""
    logs = np.log(line.budgets[-3:])
    if len(logs) < 2:
        return np.zeros(line.values[:, 0].shape)
    centred = logs - logs.mean()
    slope = np.einsum("rbt,b->rt", line.values[:, -3:], centred) / (centred**2).sum()
    return slope * np.log1p(MORE / line.budgets[-1])


def _band(values: np.ndarray) -> dict:
    """Median over the draws on the test set, 5th and 95th percentile over all; None for infinite."""
    low, high = np.percentile(values, BAND, method="nearest")
    mid = np.percentile(values[:, 0], 50, method="nearest" if np.isinf(values).any() else "linear")
    told = {"value": mid, "low": low, "high": high}
    return {key: float(v) if np.isfinite(v) else None for key, v in told.items()}


def _fit(ask: Question, x: np.ndarray, seed: int):
    """The linear probe on these labels alone, its penalty chosen by cross-validation within them."""
    settings = ask.settings[DECIDES]
    setting = settings[len(settings) // 2]  # with too few to choose, the middle one
    rare = np.bincount(ask.strata()).min()
    if rare >= FOLDS and ask.kind != "labels":
        kind = StratifiedKFold if ask.kind == "classes" else KFold
        folds = list(kind(FOLDS, shuffle=True, random_state=seed).split(x, ask.strata()))
        reached = [
            np.mean([_held_out(ask, one, x, train, test) for train, test in folds])
            for one in settings
        ]
        setting = settings[int(np.argmax(reached))]
    return ask.fit(DECIDES, setting, x)


def _held_out(ask: Question, setting: dict, x: np.ndarray, train, test) -> float:
    fitted = ask.part(train).fit(DECIDES, setting, x[train])
    return float(ask.part(test).score(ask.read(fitted, x[test]), np.ones((1, len(test))))[0])
