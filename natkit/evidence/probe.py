"""Do the vectors know the label? A linear probe and nearest neighbours, beside honest controls."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from natkit.embedding import Embedding
from natkit.errors import InputError
from natkit.evidence.intervals import auroc, balanced_accuracy, interval, resample
from natkit.evidence.verdict import DECIDES, NEED, judge
from natkit.manifest import SPLITS
from natkit.progress import progress

SETTINGS = {
    "linear": [{"C": c} for c in (0.001, 0.01, 0.1, 1.0, 10.0)],
    "knn": [{"k": k} for k in (5, 15, 30)],
}
WIDE, KEPT = 512, 256  # longer vectors are first reduced to so many principal components
MANY = 50  # a numeric label with more values than this is a measurement


@dataclass(frozen=True)
class Evidence:
    """Scores of an embedding and its controls on the same test images, all in ``facts``."""

    facts: dict

    def section(self) -> dict:
        """``summary["evidence"]``, see ``summary.schema.json``; a copy."""
        return deepcopy(self.facts)

    @property
    def verdict(self) -> dict:
        """The verdict on these scores alone; ``summarize`` adds what is known of the data."""
        return judge(self.facts)

    @property
    def table(self) -> pd.DataFrame:
        """One row a score, for notebooks; empty if nothing was scored."""
        columns = ("name", "role", "probe", "val_auroc")
        rows = [
            {column: row[column] for column in columns}
            | {"auroc": row["auroc"]["value"]}
            | {end: row["auroc"][end] for end in ("low", "high")}
            | {"balanced_accuracy": row["balanced_accuracy"]["value"]}
            for row in self.facts.get("scores", [])
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        verdict = self.verdict
        if verdict["difference"] is None:
            return f"Evidence({verdict['decision']})"
        by = verdict["difference"]
        gap = f"{by['value']:+.3f} [{by['low']:+.3f}, {by['high']:+.3f}]"
        return f"Evidence({verdict['decision']}: {gap} against {verdict['control']}, n={by['n']})"


def score(
    emb: Embedding,
    controls: Sequence[Embedding],
    table: pd.DataFrame,
    label: str,
    seed: int = 0,
    sample_weight: str | None = None,
) -> Evidence:
    """Score an embedding and its controls by how well a simple probe reads the label from them.

    Two probes, fitted on train alone: ``linear`` (standardised features, logistic regression) and
    ``knn`` (standardised features, cosine distance, votes weighted by 1/distance). Val chooses C or
    k, test is read once. Intervals are percentiles of 1,000 resamples of the test images, the same
    for every embedding, so that differences are paired. They hold for these trained networks and
    probes: a second training would move the scores again.

    Parameters
    ----------
    emb
        Ours.
    controls
        What ours has to beat, at least one: raw pixels, the untrained network. Same ids as ``emb``.
    table
        The manifest, with columns ``id``, ``split`` and ``label``.
    label
        Column with the classes; text, numbers or booleans. Rows without a value are not used.
    seed
        For resampling and for the reduction of vectors longer than 512.
    sample_weight
        Column of ``table`` ("weight") by which the linear probe weighs the train images; by default all
        alike. Neighbours vote without it. Val and test are never weighed.

    Returns
    -------
    Evidence
        If the rarest class has fewer than 10 test, 5 train or 1 val images: no scores, decision
        "too_few" with the counts. Of three or more classes, those with fewer than 5 train images
        are left out and listed.

    Raises
    ------
    InputError
        If ids differ, names repeat, no control is given, the column is absent, holds one value or
        is a measurement, or an embedding gives every train image the same vector.

    Notes
    -----
    Balanced accuracy divides each class's probability by its share of train before the largest
    wins: else a rare defect would never be named. Cost: about 1 s an embedding of 2,624 × 512.
    """
    _check_embeddings(emb, controls)
    _check_columns(table, label, *([sample_weight] if sample_weight else []))
    rows = emb.join(table)
    names = _labels(rows, label)
    counts = pd.crosstab(names, rows["split"]).reindex(columns=SPLITS, fill_value=0)
    kept, left_out = _learnable(counts)
    if len(kept) < 2 or (counts.loc[kept, list(NEED)].min() < pd.Series(NEED)).any():
        return Evidence(_too_few(label, counts))
    used = names.isin(kept).to_numpy()
    y = np.searchsorted(kept, names[used].to_numpy(str))
    split = rows.loc[used, "split"].to_numpy(str)
    ids = emb.ids[used]
    weights = resample(y[split == "test"], seed)
    trust = rows.loc[used, sample_weight].to_numpy(float) if sample_weight else np.ones(len(y))
    scores, areas = [], {}
    for each in progress([emb, *controls], "score the embeddings"):
        vectors = each.vectors[np.argsort(each.ids)][np.searchsorted(np.sort(each.ids), ids)]
        with threadpool_limits(1):  # a second thread makes these small products 20–100 times slower
            rows_of_each = list(_run_probes(each.name, vectors, y, split, weights, trust, seed))
        for probe, row in rows_of_each:
            areas[each.name, probe] = row.pop("areas")
            role = "ours" if each is emb else "control"
            named = {"name": each.name, "role": role, "layer": each.meta.get("layer")}
            scores.append({**named, "probe": probe, **row})
    n = int((split == "test").sum())
    return Evidence(
        {
            "label": label,
            "classes": kept,
            "metric": "auroc",
            "decides": DECIDES,
            **{f"n_{part}": int((split == part).sum()) for part in SPLITS},
            "scores": scores,
            "differences": [
                {
                    "control": control.name,
                    "probe": probe,
                    "auroc": interval(areas[emb.name, probe] - areas[control.name, probe], n),
                }
                for probe in SETTINGS
                for control in controls
            ],
            "left_out": left_out,
        }
    )


def class_names(values: pd.Series) -> pd.Series:
    """Labels as text, so that 1, 1.0 and "1" are one class; empty values are missing too."""

    def name(value) -> str | None:
        if pd.isna(value):
            return None
        if isinstance(value, float | np.floating) and float(value).is_integer():
            return str(int(value))
        return str(value).strip() or None

    return pd.Series([name(value) for value in values], index=values.index, dtype=object)


def features(vectors: np.ndarray, train: np.ndarray, seed: int) -> np.ndarray:
    """What both probes read: float64 (n, d or 256), standardised; both steps are fitted on train.

    Parameters
    ----------
    vectors
        (n, d).
    train
        bool (n,).
    """
    vectors = vectors.astype(np.float64)
    vectors = StandardScaler().fit(vectors[train]).transform(vectors)
    if vectors.shape[1] <= WIDE:
        return vectors
    kept = min(KEPT, int(train.sum()))
    pca = PCA(kept, svd_solver="randomized", random_state=seed).fit(vectors[train])
    return pca.transform(vectors)


def classifier(probe: str, setting: dict) -> LogisticRegression | KNeighborsClassifier:
    """The scikit-learn classifier behind a probe, not fitted."""
    if probe == "linear":
        return LogisticRegression(C=setting["C"], tol=1e-6, max_iter=20_000)
    return KNeighborsClassifier(setting["k"], metric="cosine", weights="distance")


def _run_probes(name, vectors, y, split, weights, trust, seed):
    train, val, test = (split == part for part in SPLITS)
    if np.ptp(vectors[train], axis=0).max() == 0:
        raise InputError(
            f"{name!r} gives every train image the same vector, so nothing can be read from it. "
            "The network has collapsed: train again with a smaller learning rate."
        )
    x = features(vectors, train, seed)
    once = np.ones((1, int(val.sum())))
    counted = {"linear": np.bincount(y[train], trust[train]), "knn": np.bincount(y[train])}
    for probe, settings in SETTINGS.items():
        best = None
        for setting in settings:
            if setting.get("k", 0) > train.sum():
                continue
            facts = {"sample_weight": trust[train]} if probe == "linear" else {}
            fitted = classifier(probe, setting).fit(x[train], y[train], **facts)
            area = float(auroc(y[val], fitted.predict_proba(x[val]), once)[0])
            if best is None or area > best[0]:
                best = area, setting, fitted
        area, setting, fitted = best
        chances = fitted.predict_proba(x[test])
        areas = auroc(y[test], chances, weights)
        hits = balanced_accuracy(y[test], (chances / counted[probe]).argmax(axis=1), weights)
        yield (
            probe,
            {
                "auroc": interval(areas, test.sum()),
                "balanced_accuracy": interval(hits, test.sum()),
                "setting": dict(setting),
                "val_auroc": area,
                "areas": areas,
            },
        )


def _check_embeddings(emb: Embedding, controls: Sequence[Embedding]) -> None:
    if isinstance(controls, Embedding) or not len(controls):
        raise InputError(
            f"score() needs a list with at least one control, but got {controls!r}. "
            "Pass [natkit.pixels(images), model.untrained().embed(images)]."
        )
    names = [each.name for each in (emb, *controls)]
    if len(set(names)) < len(names):
        raise InputError(
            f"Each embedding needs a name of its own, but they are {names}. "
            "Set meta['name'] of each: it stands beside the score in the report."
        )
    for control in controls:
        if not np.array_equal(np.sort(control.ids), np.sort(emb.ids)):
            raise InputError(
                f"{control.name!r} holds {len(control)} images and {emb.name!r} {len(emb)}, but "
                "scores are comparable on the same ids alone. Embed the same images with both."
            )


def _check_columns(table: pd.DataFrame, *columns: str) -> None:
    for column in (*columns, "id", "split"):
        if column not in table.columns:
            raise InputError(
                f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}. "
                "Pass the table of the prepared folder and the name of one of its columns."
            )


def _labels(rows: pd.DataFrame, label: str) -> pd.Series:
    odd = sorted(set(rows["split"].astype(str)) - set(SPLITS))
    if odd:
        raise InputError(
            f"The column split holds {odd}, but only {SPLITS} are known. "
            "Pass the table of the prepared folder."
        )
    names = class_names(rows[label])
    values = names.dropna().unique()
    if len(values) < 2:
        raise InputError(
            f"The label {label!r} has {len(values)} values among {len(rows)} images, and scoring "
            "needs two or more. Choose a column that differs between the images."
        )
    if len(values) > MANY and pd.api.types.is_numeric_dtype(rows[label]):
        raise InputError(
            f"The label {label!r} has {len(values)} different numbers: a measurement, not a class. "
            "Cut it into a few classes first, for example value >= 0.5."
        )
    return names


def _learnable(counts: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Classes to use and classes left out; with two classes both stay, so that they get counted."""
    enough = counts["train"] >= NEED["train"]
    if len(counts) == 2:
        enough[:] = True
    return sorted(counts.index[enough]), sorted(counts.index[~enough])


def _too_few(label: str, counts: pd.DataFrame) -> dict:
    rows = [
        {"class": name, **{part: int(row[part]) for part in SPLITS}}
        for name, row in counts.iterrows()
    ]
    return {"reason": "too_few", "label": label, "counts": rows}
