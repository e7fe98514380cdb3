"""What a probe reads of the vectors, how its settings are chosen, and what it says of val and test."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.evidence.intervals import over_seeds
from natkit.evidence.questions import Question

WIDE, KEPT = 512, 256  # longer vectors are first reduced to so many principal components
OWN_LAYER = "class scores"  # of an embedding that needs no probe
OWN = "head"  # the name of what stands in place of a probe there


@dataclass(frozen=True)
class Rows:
    """What all embeddings of one scoring have in common, for the used rows alone."""

    ask: Question
    ids: np.ndarray
    split: np.ndarray
    weights: np.ndarray
    trust: np.ndarray
    near: dict[str, np.ndarray]
    seed: int

    @property
    def test(self) -> np.ndarray:
        return self.split == "test"

    def features(self, emb: Embedding) -> np.ndarray:
        """What both probes read of an embedding; its class scores as they are, if that is what it holds."""
        vectors, train = emb.at(self.ids), self.split == "train"
        if is_own(emb):
            return own_scores(emb, vectors, self.ask)
        if np.ptp(vectors[train], axis=0).max() == 0:
            raise InputError(
                f"{emb.name!r} gives every train image the same vector, so nothing can be read from it. "
                "The network has collapsed: train again with a smaller learning rate."
            )
        return features(vectors, train, self.seed)


def reader(vectors: np.ndarray, train: np.ndarray, seed: int) -> Pipeline:
    """From vectors (n, d) to what both probes read, (n, d or 256): standardised; wider than 512: principal
    components. Both steps are fitted on the rows where ``train``, bool (n,), holds.
    """
    steps: list = [StandardScaler()]
    if vectors.shape[1] > WIDE:
        kept = min(KEPT, int(train.sum()))
        steps.append(PCA(kept, svd_solver="randomized", random_state=seed))
    return make_pipeline(*steps).fit(vectors[train].astype(np.float64))


def features(vectors: np.ndarray, train: np.ndarray, seed: int) -> np.ndarray:
    """What both probes read of ``vectors``, float64 (n, d or 256), see :func:`reader`."""
    return reader(vectors, train, seed).transform(vectors.astype(np.float64))


def choose(ask: Question, probe: str, x: np.ndarray, split: np.ndarray, trust=None):
    """Fit a probe on train with each of its settings; the best on val as (fitted, setting, val score).

    Parameters
    ----------
    ask
        The question for the rows of ``x`` (n, d); ``split`` (n,) says which rows are train and val.
    trust
        (n,), weights of the images for the linear probe.
    """
    train, val = split == "train", split == "val"
    asked, checked = ask.part(train), ask.part(val)
    once, best = np.ones((1, int(val.sum()))), None
    for setting in ask.settings[probe]:
        if setting.get("k", 0) > train.sum():
            continue
        fitted = asked.fit(probe, setting, x[train], None if trust is None else trust[train])
        value = float(checked.score(ask.read(fitted, x[val]), once)[0])
        if best is None or value > best[2]:
            best = fitted, setting, value
    return best


def say(x: np.ndarray, probe: str, data: Rows) -> dict:
    """What one probe says of val and test, from the features of one embedding (see :meth:`Rows.features`)."""
    if probe == OWN:
        val = data.split == "val"
        read, setting = x, {}
        val_score = float(data.ask.part(val).score(read[val], np.ones((1, int(val.sum()))))[0])
    else:
        fitted, setting, val_score = choose(data.ask, probe, x, data.split, data.trust)
        read = data.ask.read(fitted, x)
    told = {"setting": setting, "val_score": val_score}
    for part in ("val", "test"):
        rows = data.split == part
        told[part] = {"ids": data.ids[rows], "y": data.ask.y[rows], "read": read[rows]}
    return told


def scored(
    said: list[dict], ask: Question, weights: np.ndarray, seed: int, strata=None, rows=...
) -> np.ndarray:
    """Resampled scores (b,) of what one probe said of test, over all trainings.

    ``ask`` and ``weights`` are those of the test images at ``rows``.
    """
    each = [ask.score(one["test"]["read"][rows], weights, strata) for one in said]
    return over_seeds(np.array(each), seed)


def own_scores(emb: Embedding, vectors: np.ndarray, ask: Question) -> np.ndarray:
    """Class scores that a network gives itself, its columns in our order."""
    if ask.kind == "measurement":
        return vectors[:, 0].astype(np.float64)
    classes = [str(name) for name in emb.meta["classes"]]
    missing = [name for name in ask.names if name not in classes]
    if missing or vectors.shape[1] != len(classes):
        raise InputError(
            f"{emb.name!r} holds {vectors.shape[1]} class scores for {', '.join(classes)}, but the label has "
            f"{', '.join(ask.names)}. Train it again with this label."
        )
    return vectors[:, [classes.index(name) for name in ask.names]].astype(np.float64)


def is_own(emb: Embedding) -> bool:
    """Whether the vectors are class scores, which need no probe."""
    return emb.meta.get("layer") == OWN_LAYER
