"""Remedies against bias: weights, balanced sampling, leaving out, even light; each before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_prep.rules.bias import balanced_weights
from data_prep.rules.columns import check_columns
from data_prep.rules.evidence import plain
from data_prep.rules.telling import FOLDS, auc_interval, binned, out_of_fold
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.stats import cramers_v

LOOK = ["brightness", "contrast"]  # statistics of a scan, 0..1


@dataclass(frozen=True)
class Balance:
    """Weights that take label and groups apart, with the bias before and after.

    ``weights`` float (n,), mean 1 over the labelled rows and 1 for the others. ``v_before`` and
    ``v_after``: Cramér's V by group. ``n`` labelled images weigh as much as ``effective_n``.
    """

    weights: np.ndarray
    v_before: dict[str, float]
    v_after: dict[str, float]
    n: int
    effective_n: float

    def __repr__(self) -> str:
        moved = ", ".join(f"{g} {v:.2f} → {self.v_after[g]:.2f}" for g, v in self.v_before.items())
        return f"Balance(V of {moved}; {self.n} images weigh as {self.effective_n:.0f})"


def effective_n(weights: np.ndarray) -> float:
    """How many equally weighted images would tell as much: (Σw)² / Σw².

    References
    ----------
    Kish, "Survey Sampling", 1965, section 11.7.
    """
    weights = np.asarray(weights, float)
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0


def class_by_group(
    labels: pd.Series, group: pd.Series, weights: np.ndarray | None = None
) -> pd.DataFrame:
    """One row for each class in each group value; ``.attrs["v"]`` holds Cramér's V.

    Columns: ``group``, ``label``, ``count`` (images), ``share`` (weight of the class within its
    group value, 0..1), ``effective_n``. Images without label or group are left out.
    """
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    cells = pd.DataFrame({"group": class_names(group).array, "label": class_names(labels).array})
    cells = cells.assign(weight=weights, square=weights**2, count=1).dropna()
    grid = pd.MultiIndex.from_product(
        [sorted(cells["group"].unique()), sorted(cells["label"].unique())], names=["group", "label"]
    )
    sums = cells.groupby(["group", "label"])[["weight", "square", "count"]].sum()
    sums = sums.reindex(grid, fill_value=0).reset_index()
    out = sums[["group", "label", "count"]].copy()
    out["share"] = sums["weight"] / sums.groupby("group")["weight"].transform("sum")
    out["effective_n"] = (sums["weight"] ** 2 / sums["square"].where(sums["square"] > 0)).fillna(0)
    out.attrs["v"] = cramers_v(
        sums.pivot(index="group", columns="label", values="weight").to_numpy()
    )
    return out


def balance(table: pd.DataFrame, label: str, groups: Sequence[str]) -> Balance:
    """Weights after which every class weighs the same, also within every value of every group.

    Raises
    ------
    InputError
        If a column is absent, or no image has a label.
    """
    groups = (groups,) if isinstance(groups, str) else tuple(groups)
    check_columns(list(table.columns), label, groups)
    labels = class_names(table[label])
    known = labels.notna().to_numpy()
    if not known.any():
        raise InputError(
            f"No image has a value in {label!r}, but weights balance the classes of images that "
            "have one. Name another label."
        )
    codes = [pd.factorize(class_names(table[g][known]))[0] + 1 for g in groups]
    weights = np.ones(len(table))
    weights[known] = balanced_weights(pd.factorize(labels[known])[0], codes)

    def v(weights: np.ndarray | None) -> dict[str, float]:
        return {g: class_by_group(labels, table[g], weights).attrs["v"] for g in groups}

    return Balance(weights, v(None), v(weights), int(known.sum()), effective_n(weights[known]))


def what_if(
    table: pd.DataFrame, label: str, group: str, drop: Sequence[str] | None = None
) -> pd.DataFrame:
    """What each remedy would do to the bias between label and group: one row a remedy.

    The remedies: "as it is", "weights" (:func:`balance`), "subsample" (in every group value as many
    images of each class as of its rarest), and "without X" for each value in ``drop`` (by default all).

    Returns
    -------
    Columns ``remedy``, ``n`` (images that stay), ``effective_n``, ``v`` (Cramér's V), ``auc`` (how
    well the group tells the label among these very images: 0.5 not at all; by chance a little
    above, the more so the more values it has) and ``n <class>`` (images of each class, or their
    weight).

    Raises
    ------
    InputError
        If a column is absent, or a value of ``drop`` is not in the group.
    """
    check_columns(list(table.columns), label, (group,))
    both = pd.DataFrame({"label": class_names(table[label]), "group": class_names(table[group])})
    both = both.dropna()
    counts = pd.crosstab(both["group"], both["label"]).astype(float)
    drop = (drop,) if isinstance(drop, str) else counts.index if drop is None else drop
    if unknown := sorted({str(value) for value in drop} - set(counts.index)):
        raise InputError(
            f"{group!r} has no value {unknown[0]!r}; it has {', '.join(counts.index)}. "
            "Drop one of these."
        )
    fair = balance(both, "label", ["group"]).weights
    weighed = counts * 0 + both.assign(w=fair).pivot_table("w", "group", "label", "sum", 0.0)
    fewest = counts.min(axis=1)
    remedies = {
        "as it is": counts,
        "weights": weighed,
        "subsample": counts.mul(0).add(fewest, axis=0),
        **{f"without {value}": counts.drop(str(value)) for value in drop},
    }
    out = []
    for remedy, cells in remedies.items():
        n = int(counts.to_numpy().sum() if remedy == "weights" else cells.to_numpy().sum())
        row = {"remedy": remedy, "n": n}
        row["effective_n"] = effective_n(fair) if remedy == "weights" else float(n)
        row |= {"v": cramers_v(cells.to_numpy()), "auc": _auc(cells.to_numpy())}
        out.append(row | {f"n {c}": round(float(cells[c].sum()), 1) for c in cells})
    return pd.DataFrame(out)


def _auc(cells: np.ndarray) -> float:
    """AUC with which the rows of a contingency table tell its columns, mean of one to the rest."""
    cells, areas = cells[cells.sum(axis=1) > 0], []
    for mine in cells.T:
        others = cells.sum(axis=1) - mine
        if mine.any() and others.any():
            order = np.argsort(mine / (mine + others))
            mine, others = mine[order], others[order]
            below = np.cumsum(others) - others
            areas.append((mine * (below + others / 2)).sum() / (mine.sum() * others.sum()))
    return float(np.mean(areas)) if areas else 0.5


def intensity(
    table: pd.DataFrame, column: str, reference: str | None = None
) -> dict[str, dict[str, float]]:
    """Gain and offset for each group value, so that its light is that of the reference group.

    From medians over images: the gain makes the contrast equal, the offset the brightness. Offsets
    are in units of the full range, 0..1.

    Parameters
    ----------
    table
        With ``brightness`` and ``contrast`` as :func:`data_prep.scan` measures them.
    reference
        Value that the others are brought to; by default the one with the most images.

    Returns
    -------
    ``{value: {"gain": …, "offset": …}}``; gain 1 and offset 0 for the reference.

    Raises
    ------
    InputError
        If the reference is no value of the column, or the pictures of a value have no contrast.
    """
    check_columns(list(table.columns), None, (column, *LOOK))
    values = class_names(table[column])
    medians = table[LOOK].groupby(values.to_numpy()).median().dropna()
    if reference is None:
        reference = values[table["contrast"].notna()].value_counts().index[0]
    if reference not in medians.index:
        raise InputError(
            f"{column!r} has no readable image of {reference!r}; it has "
            f"{', '.join(medians.index)}. Name one of these."
        )
    if (flat := medians.index[medians["contrast"] <= 0]).size:
        raise InputError(
            f"Half the pictures of {column} {flat[0]!r} have no contrast, so no gain can be found. "
            "Leave these pictures out."
        )
    target = medians.loc[reference]
    gain = target["contrast"] / medians["contrast"]
    offset = target["brightness"] - gain * medians["brightness"]
    return {v: {"gain": float(gain[v]), "offset": float(offset[v])} for v in medians.index}


def correct(pixels: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """Pixels × gain + offset × full range, in the pixels' own dtype; clipped, integers rounded.

    Parameters
    ----------
    pixels
        (height, width) or (height, width, channels); a fourth channel (how opaque) is left alone.
    gain, offset
        From :func:`intensity`. The full range of integers is that of their type, of floats 1 or
        their own brightest value, as in the scan.
    """
    whole = np.issubdtype(pixels.dtype, np.integer)
    top = float(np.iinfo(pixels.dtype).max) if whole else max(1.0, float(np.nanmax(pixels)))
    out = np.clip(pixels.astype(np.float64) * gain + offset * top, 0, top)
    out = (np.rint(out) if whole else out).astype(pixels.dtype)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        out[:, :, 3] = pixels[:, :, 3]
    return out


def intensity_effect(
    table: pd.DataFrame, column: str, corrections: dict[str, dict[str, float]], seed: int = 0
) -> dict[str, dict]:
    """``{"before": auc, "after": auc}``: how well brightness and contrast tell the group.

    Each AUC (0.5 not at all) with its interval, out of fold. After is reckoned from the statistics,
    without the clipping that :func:`correct` may do.
    """
    values = class_names(table[column])
    known = (values.isin(list(corrections)) & table[LOOK].notna().all(axis=1)).to_numpy()
    gain = values[known].map({v: c["gain"] for v, c in corrections.items()}).astype(float)
    offset = values[known].map({v: c["offset"] for v, c in corrections.items()}).astype(float)
    look = table.loc[known, LOOK]
    corrected = look.mul(gain, axis=0)
    corrected["brightness"] += offset
    y, names = pd.factorize(values[known])
    enough = np.flatnonzero(np.bincount(y, minlength=1) >= FOLDS)
    if len(enough) < 2:
        raise InputError(
            f"{column!r} has {len(enough)} value(s) with {FOLDS} readable images or more, but two "
            "are needed to compare. Name another group."
        )
    out = {}
    for when, statistics in (("before", look), ("after", corrected)):
        rng = np.random.default_rng(seed)
        folds = rng.permutation(len(y)) % FOLDS
        scores = out_of_fold([binned(statistics[c]) for c in LOOK], y, folds, len(names))
        out[when] = plain(auc_interval(scores, y, enough, folds, rng))
    return out
