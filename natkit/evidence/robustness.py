"""Does the score hold elsewhere? On images as a line really spoils them, on a camera or a time held out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.progress import progress
from natkit.data.embedding import Embedding
from natkit.evidence.checks import LOTS
from natkit.evidence.intervals import interval, resample
from natkit.evidence.probe import choose, features, reader
from natkit.evidence.questions import Question, answered
from natkit.evidence.verdict import DECIDES

LAST = 0.2  # share of the images, the latest, that is held out of a column of times


def under_corruption(
    pairs: Sequence[tuple[Embedding, Sequence[Embedding]]],
    table: pd.DataFrame,
    label: str | Sequence[str],
    seed: int = 0,
) -> list[dict]:
    """Scores on spoilt test images of a probe that was fitted on clean train images.

    Parameters
    ----------
    pairs
        For ours (first) and each control: the embedding of the clean images and those of the same
        images spoilt (those of test are enough), each with ``meta["corruption"]``: ``{"kind", "strength"}``.
    table, label, seed
        As for :func:`natkit.score`.

    Returns
    -------
    list of dict
        A row an embedding and corruption: ``name, kind, strength, score`` and ``change`` (spoilt minus
        clean, paired on the same test images), intervals of 95 %.
    """
    rows = []
    for clean, spoilt in progress(list(pairs), "score spoilt images"):
        ask, order, split, used = answered(clean.join(table), label, "to score")
        x = clean.vectors[used]
        test = split == "test"
        tested, weights = ask.part(test), resample(ask.part(test).strata(), seed)
        with threadpool_limits(1):
            read = reader(x, split == "train", seed)
            seen = read.transform(x.astype(np.float64))
            fitted, *_ = choose(ask, DECIDES, seen, split)
            before = tested.score(ask.read(fitted, seen[test]), weights)
            for each in spoilt:
                _same(clean, each, order[test])
                after = ask.read(fitted, read.transform(each.at(order[test]).astype(np.float64)))
                value = tested.score(after, weights)
                rows.append(
                    {
                        "name": clean.name,
                        **{key: each.meta["corruption"][key] for key in ("kind", "strength")},
                        "score": interval(value, test.sum()),
                        "change": interval(value - before, test.sum()),
                    }
                )
    return rows


def held_out(
    emb: Embedding,
    controls: Sequence[Embedding],
    table: pd.DataFrame,
    label: str | Sequence[str],
    column: str,
    seed: int = 0,
) -> list[dict]:
    """Scores on each camera (shift, line) of which the probe saw no label; or on the latest fifth.

    The probe is fitted on train and val of the other values and read on all images of the value held out. The
    encoder did see those of train, without labels.

    Parameters
    ----------
    column
        With fewer than 30 values: each is held out in turn. With more, they must be dates or numbers (a time):
        the latest fifth of the images is held out.

    Returns
    -------
    list of dict
        A row a value: ``column, value, n, score`` (of ours), ``control`` (the best one there) and ``difference``
        to it, paired; ``score`` is None where too few images or classes are left.

    Raises
    ------
    InputError
        If the column has one value, or more than 30 that are no times.
    """
    ask, ids, split, _ = answered(emb.join(table), label, "to score")
    values = _values(table.set_index("id").loc[ids, column], column)
    rows = []
    for value in progress(sorted(set(values) - {""}), f"hold out {column}"):
        out = values == value
        moved = np.where(out, "test", np.where(split == "test", "train", split))
        rows.append({"column": column, "value": value, "n": int(out.sum())}
                    | _elsewhere([emb, *controls], ids, ask, moved, seed))  # fmt: skip
    return rows


def _elsewhere(embeddings, ids, ask: Question, split: np.ndarray, seed: int) -> dict:
    test = split == "test"
    tested, rest = ask.part(test), ask.part(split == "train")
    known = (
        ask.kind == "measurement"
        or len(np.unique(rest.strata())) == len(ask.names)
        or ask.kind == "labels"
    )
    if not (tested.enough() and known and (split == "val").any()):
        return {"score": None, "control": None, "difference": None}
    weights, areas = resample(tested.strata(), seed), {}
    for each in embeddings:
        x = each.at(ids)
        with threadpool_limits(1):
            seen = features(x, split == "train", seed)
            fitted, *_ = choose(ask, DECIDES, seen, split)
            areas[each.name] = tested.score(ask.read(fitted, seen[test]), weights)
    n, ours = test.sum(), embeddings[0].name
    best = max((each.name for each in embeddings[1:]), key=lambda name: areas[name][0])
    return {
        "score": interval(areas[ours], n),
        "control": best,
        "difference": interval(areas[ours] - areas[best], n),
    }


def _values(column: pd.Series, name: str) -> np.ndarray:
    values = class_names(column).fillna("").to_numpy(str)
    if len(set(values) - {""}) < 2:
        raise InputError(
            f"Nothing can be held out by {name!r}: it has one value. Choose another column."
        )
    if len(set(values) - {""}) < LOTS:
        return values
    times = column
    if not (pd.api.types.is_numeric_dtype(column) or hasattr(column, "dt")):
        times = pd.to_datetime(column, errors="coerce", format="mixed")
    if pd.isna(times).mean() > 0.5:
        raise InputError(
            f"{name!r} has {len(set(values))} values that are neither dates nor numbers; up to {LOTS - 1} can be "
            "held out in turn. Choose a coarser column, or one of times."
        )
    late = times >= times.quantile(1 - LAST)
    return np.where(pd.isna(times), "", np.where(late, f"from {times[late].min()}", ""))


def _same(clean: Embedding, spoilt: Embedding, needed: np.ndarray) -> None:
    lacking = np.setdiff1d(needed, spoilt.ids)
    if (
        len(lacking)
        or "corruption" not in spoilt.meta
        or spoilt.vectors.shape[1] != clean.vectors.shape[1]
    ):
        raise InputError(
            f"{spoilt!r} is not {clean.name!r} of the same images spoilt: {len(lacking)} ids are missing, "
            f"corruption is {spoilt.meta.get('corruption')!r}. Make it from the same images and the same network."
        )
