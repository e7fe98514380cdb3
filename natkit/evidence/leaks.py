"""Can a test image be answered from memory? Units in two splits, and twins of train images."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

RARE = 1e-3  # how often a test image that is no twin is called one
NEAR, FAR = 10, 30  # ranks of the neighbours by which the local dimension is told


def crossing(units: np.ndarray, split: np.ndarray) -> int:
    """How many units (parts, lots) stand in test and in train or val; empty names are no unit.

    Parameters
    ----------
    units, split
        (n,) text.
    """
    named = units != ""
    test = set(units[named & (split == "test")])
    return len(test & set(units[named & (split != "test")]))


def twins(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Which test vectors lie nearer to a train vector than chance allows: bool (m,).

    Points spread evenly about a place in ``d`` dimensions have, of the distances to the nearest and the
    30th neighbour, ``P(r₁/r₃₀ < t) = 1 − (1 − tᵈ)²⁹``. A twin is an image for which this is below 0.001. The
    dimension is told from the 10th to the 30th neighbours of the train vectors, which up to ten copies of each
    hardly move.

    Parameters
    ----------
    train, test
        (n, d) and (m, d), standardised. With fewer than 60 train vectors nothing is called a twin.

    References
    ----------
    Levina & Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS 2004.

    Notes
    -----
    Cost: a search of all pairs, 1,600 × 500 × 128 in 0.1 s.
    """
    if len(train) < 2 * FAR:
        return np.zeros(len(test), bool)
    found = NearestNeighbors(n_neighbors=FAR + 1).fit(train)
    own = found.kneighbors(train)[0][:, 1:]
    reach = found.kneighbors(test, FAR)[0]
    logs = np.log(own[:, -1:] / np.maximum(own[:, NEAR - 1 : -1], 1e-12)).mean()
    expected = np.mean([np.sum(1 / np.arange(j, FAR)) for j in range(NEAR, FAR)])  # of d · logs
    dimension = expected / max(logs, 1e-6)
    edge = (1 - (1 - RARE) ** (1 / (FAR - 1))) ** (1 / dimension)
    return reach[:, 0] < edge * reach[:, -1]
