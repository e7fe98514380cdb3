"""What images share: a few values that all are compared within, or many that are never torn apart."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from natkit.core.labels import class_names

KEPT_TOGETHER_FROM = 30  # different values; a group with fewer (camera, shift) is balanced instead


def role(column: pd.Series) -> str:
    """``"kept together"`` for a group of many values (lot, part, module), else ``"balanced"``."""
    return "kept together" if class_names(column).nunique() >= KEPT_TOGETHER_FROM else "balanced"


def with_role(table: pd.DataFrame, groups: Iterable[str], wanted: str) -> list[str]:
    """Those of the columns ``groups`` that have the :func:`role` ``wanted``."""
    return [group for group in groups if role(table[group]) == wanted]


def components(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """int (n,): rows of one number share a value of one of ``columns``, perhaps in a chain.

    A missing value is shared with nobody.
    """
    n = len(table)
    rows, ends, nodes = [np.arange(n)], [np.arange(n)], n
    for column in columns:
        codes, values = pd.factorize(class_names(table[column]))
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        ends.append(nodes + codes[known])
        nodes += len(values)
    rows, ends = np.concatenate(rows), np.concatenate(ends)
    graph = coo_array((np.ones(len(rows), bool), (rows, ends)), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1][:n]
