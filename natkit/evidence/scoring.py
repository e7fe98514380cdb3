"""The ladder: ours and honest controls, read by the same probes, scored on the same test images."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.progress import progress
from natkit.data.embedding import Embedding
from natkit.data.manifest import SPLITS
from natkit.evidence.checks import by_group, checks, lots_of, twin_rows, units_of
from natkit.evidence.intervals import interval, over_seeds, resample
from natkit.evidence.probe import OWN, Rows, is_own, say
from natkit.evidence.proof import PARTS, Evidence
from natkit.evidence.questions import Question, question
from natkit.evidence.verdict import DECIDES

Entry = Embedding | Sequence[Embedding]


def score(
    emb: Entry,
    controls: Sequence[Entry],
    table: pd.DataFrame,
    label: str | Sequence[str],
    seed: int = 0,
    groups: Sequence[str] = (),
    target: float | None = None,
    sample_weight: str | None = None,
) -> Evidence:
    """Score an embedding and its controls by how well a simple probe reads the label from them.

    Two probes, fitted on train alone: ``linear`` (standardised features; logistic regression, or ridge
    for a measurement) and ``knn`` (standardised features, cosine distance, votes weighted by 1/distance).
    Val chooses C, alpha or k; test is read once. Intervals are percentiles of 1,000 resamples of the
    test images, the same for every embedding, so that differences are paired.

    Parameters
    ----------
    emb
        Ours; or a list, one for each of several trainings: then the mean is scored, and the interval
        covers another training as well.
    controls
        What ours has to beat, at least one: raw pixels, the untrained network, a network from disk;
        each may be a list as well. Same ids as ``emb``. Class scores of a network trained with the labels
        (:func:`natkit.supervised`) are shown as a reference, which decides nothing.
    table
        The manifest, with columns ``id``, ``split`` and ``label``.
    label
        Column with the classes (AUROC decides), or of a measurement (more than 50 numbers; R²); or
        several columns of 0 and 1 (mean average precision). Rows without a value are not used.
    seed
        For resampling and for the reduction of vectors longer than 512.
    groups
        Columns that must not explain the score. Those with fewer than 30 values (camera, shift): the
        score in each, and differences within each. Those with more (part, lot): independent units, which are
        resampled whole; of several, that with the fewest values.
    target
        The score that would be good enough, agreed beforehand. Without one the verdict never says go.
    sample_weight
        Column of ``table`` ("weight") by which the linear probe weighs the train images; by default all
        alike. Neighbours vote without it. Val and test are never weighed.

    Returns
    -------
    Evidence
        If there are too few images (``natkit.evidence.kinds.NEED``): no scores, but the counts. Of three
        or more classes, those with fewer than 5 train images are left out and listed.

    Raises
    ------
    InputError
        If ids differ, names repeat, no control is given, a column is absent, the label holds one
        value, or an embedding gives every train image the same vector.

    Notes
    -----
    Cost: about 1 s an embedding of 2,624 × 512 and two classes; 100 classes take minutes.
    """
    ours, *others = [_trainings(each) for each in (emb, *_listed(controls))]
    _check_embeddings(ours, others)
    columns = [label] if isinstance(label, str) else list(label)
    _check_columns(table, *columns, *groups, *([sample_weight] if sample_weight else []))
    _check_target(target)
    rows = ours[0].join(table)
    odd = sorted(set(rows["split"].astype(str)) - set(SPLITS))
    if odd:
        raise InputError(
            f"The column split holds {odd}, but only {SPLITS} are known. "
            "Pass the table of the prepared folder."
        )
    asked = question(rows, label)
    if isinstance(asked, dict):
        return Evidence(asked)
    ask, used = asked
    rows, ids = rows[used], ours[0].ids[used]
    split = rows["split"].to_numpy(str)
    test = split == "test"
    near = {column: class_names(rows[column]).fillna("").to_numpy(str) for column in groups}
    lots = lots_of(near)
    weights = resample(ask.part(test).strata(), seed, near[lots][test] if lots else None)
    trust = rows[sample_weight].to_numpy(float) if sample_weight else np.ones(len(rows))
    data = Rows(ask, ids, split, weights, trust, near, seed)
    scores, values, kept, mine = [], {}, {}, None
    for each in progress([ours, *others], "score the embeddings"):
        role = "ours" if each is ours else "reference" if is_own(each[0]) else "control"
        with threadpool_limits(1):  # a second thread makes these small products 20–100 times slower
            seen = [data.features(run) for run in each]
            mine = seen[0] if each is ours else mine
            for row, value, said in _entry(each, seen, role, data):
                scores.append(row)
                values[row["name"], row["probe"]] = value
                kept[row["name"], row["probe"]] = said
    scores.append(_floor(ask.part(test), int(test.sum())))
    label = ", ".join(columns)
    found = {
        "label": label,
        "kind": ask.kind,
        "classes": ask.names,
        "metric": ask.metric,
        "chance": ask.part(test).chance,
        "decides": DECIDES,
        "target": target,
        **{f"n_{part}": int((split == part).sum()) for part in SPLITS},
        "units": units_of(near, lots, split),
        "scores": scores,
        "differences": _differences(scores, values, data),
        "groups": by_group(kept[ours[0].name, DECIDES], data, lots),
        "twins": twin_rows(mine, data),
        "left_out": ask.left_out,
        **dict.fromkeys(PARTS),
    }
    found["checks"] = checks(scores, kept, found["twins"].pop("rows"), data, lots)
    return Evidence(found, {key: said[0] for key, said in kept.items()})


def _entry(runs: list[Embedding], seen: list[np.ndarray], role: str, data: Rows):
    """For each probe: its row of the table, the resampled scores (b,), and what it said, by training."""
    ask, n = data.ask, int(data.test.sum())
    for probe in [OWN] if role == "reference" else list(ask.settings):
        said = [say(x, probe, data) for x in seen]
        tested = ask.part(data.test)
        each = np.array([tested.score(one["test"]["read"], data.weights) for one in said])
        train = ask.part(data.split == "train")
        trust = data.trust[data.split == "train"] if probe == "linear" else None
        also = [tested.also(one["test"]["read"], data.weights, None if probe == OWN else train, trust)
                for one in said]  # fmt: skip
        value = over_seeds(each, data.seed)
        meta = runs[0].meta
        row = {
            "name": runs[0].name,
            "role": role,
            "layer": meta.get("layer"),
            "probe": probe,
            "score": interval(value, n),
            "also": {
                name: interval(over_seeds(np.array([a[name] for a in also]), data.seed), n)
                for name in also[0]
            },
            "setting": dict(said[0]["setting"]),
            "chosen_on": meta.get("chosen_on", "val") if probe == OWN else "val",
            "val_score": float(np.mean([one["val_score"] for one in said])),
            "trainings": [float(one[0]) for one in each],
        }
        yield row, value, [{part: one[part] for part in ("val", "test")} for one in said]


def _floor(ask: Question, n: int) -> dict:
    """The row of the majority: the same answer for every image."""
    value, even = (
        {"value": chance, "low": chance, "high": chance, "n": n}
        for chance in (ask.chance, 1 / max(1, len(ask.names)))
    )
    return {
        "name": "majority",
        "role": "floor",
        "layer": None,
        "probe": "none",
        "score": value,
        "also": {"balanced_accuracy": even} if ask.kind == "classes" else {},
        "setting": {},
        "chosen_on": "train",
        "val_score": ask.chance,
        "trainings": [],
    }


def _differences(scores: list[dict], values: dict, data: Rows) -> list[dict]:
    """Ours minus each other, on the same resamples; a reference is held against the deciding probe."""
    n, ours = int(data.test.sum()), scores[0]["name"]
    return [
        {
            "control": row["name"],
            "role": row["role"],
            "probe": DECIDES if row["probe"] == OWN else row["probe"],
            "score": interval(
                values[ours, DECIDES if row["probe"] == OWN else row["probe"]]
                - values[row["name"], row["probe"]],
                n,
            ),
        }
        for probe in (*data.ask.settings, OWN)
        for row in scores
        if row["role"] in ("control", "reference") and row["probe"] == probe
    ]


def _listed(controls) -> list:
    if isinstance(controls, Embedding) or not len(controls):
        raise InputError(
            f"score() needs a list with at least one control, but got {controls!r}. "
            "Pass [natkit.pixels(images), model.untrained().embed(images)]."
        )
    return list(controls)


def _trainings(each: Entry) -> list[Embedding]:
    return [each] if isinstance(each, Embedding) else list(each)


def _check_embeddings(ours: list[Embedding], others: list[list[Embedding]]) -> None:
    first = [each[0] for each in (ours, *others)]
    names = [each.name for each in first]
    if len(set(names)) < len(names):
        raise InputError(
            f"Each embedding needs a name of its own, but they are {names}. "
            "Set meta['name'] of each: it stands beside the score in the report."
        )
    if is_own(first[0]) or all(map(is_own, first[1:])):
        raise InputError(
            "Ours and at least one control must be read by a probe, but here are class scores alone. "
            "Pass model.embed(images) and, among the controls, natkit.pixels(images)."
        )
    for run in [run for each in (ours, *others) for run in each]:
        if not np.array_equal(np.sort(run.ids), np.sort(first[0].ids)):
            raise InputError(
                f"{run.name!r} holds {len(run)} images and {names[0]!r} {len(first[0])}, but "
                "scores are comparable on the same ids alone. Embed the same images with both."
            )


def _check_columns(table: pd.DataFrame, *columns: str) -> None:
    for column in (*columns, "id", "split"):
        if column not in table.columns:
            raise InputError(
                f"The table has no column {column!r}; it has {', '.join(map(str, table.columns))}. "
                "Pass the table of the prepared folder and the name of one of its columns."
            )


def _check_target(target) -> None:
    if target is not None and not (isinstance(target, int | float) and 0 < target <= 1):
        raise InputError(
            f"target is a score in (0, 1], got {target!r}. Give the score that would be good enough, "
            "or None."
        )
