"""Where each kept image goes and how much it weighs: the columns split and weight of a manifest."""

import numpy as np
import pandas as pd

from data_prep.deciding.audited import Audit
from data_prep.repair.remedies import balance
from data_prep.repair.splits import assign_splits
from data_prep.rules.duplicates import same_picture
from data_prep.rules.groups import components
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.data.manifest import SPLITS

CELL = 5  # images of a class in a group value, on average, from which weights balance the group


def splits(audit: Audit, kept: pd.DataFrame, roles: dict[str, str], seed: int) -> np.ndarray:
    """train, val or test for each kept image; what its groups or its copies tie together is never torn apart."""
    together = [g for g, r in roles.items() if r == "kept together"]
    balanced = [g for g, r in roles.items() if r == "balanced"]
    first = [] if audit.label is None else [audit.label]
    strata = pd.DataFrame({c: class_names(kept[c]) for c in (*first, *balanced)}, index=kept.index)
    labelled = (
        np.ones(len(kept), bool)
        if audit.label is None
        else class_names(kept[audit.label]).notna().to_numpy()
    )
    tied = kept.assign(same=same_picture(kept, audit.findings))
    return assign_splits(
        components(tied, [*together, "pixel_hash", "same"]), strata, labelled, seed
    )


def users_split(audit: Audit, kept: pd.DataFrame) -> np.ndarray:
    """The user's own split. Raises InputError if it lacks a part or an image."""
    if audit.split is None:
        raise InputError(
            "own_split needs a column with train, val and test, but the audit was told of none. "
            "Name it: audit(…, split=column)."
        )
    split = kept[audit.split].astype(object).where(kept[audit.split].notna(), "nothing")
    odd, lack = sorted(set(split) - set(SPLITS), key=str), sorted(set(SPLITS) - set(split))
    if odd or lack:
        path = kept.loc[split.isin(odd), "path"].iloc[0] if odd else None
        raise InputError(
            f"Each image's own split is {', '.join(SPLITS)}, and each has some, but {audit.split!r} "
            f"{f'says {odd[0]!r} of {path}' if odd else f'has no {lack[0]}'}. Fill the column, or leave "
            "own_split out."
        )
    return split.to_numpy(str)


def weights(audit: Audit, table: pd.DataFrame, roles: dict[str, str]) -> np.ndarray:
    """Weights of the labelled train images; 1 for all others."""
    weights = np.ones(len(table))
    if audit.label is None:
        return weights
    rows = np.flatnonzero((table["split"] == "train") & class_names(table[audit.label]).notna())
    if len(rows):
        part = table.iloc[rows]
        room = len(part) / (CELL * class_names(part[audit.label]).nunique())  # values of a group
        groups = [
            g
            for g, r in roles.items()
            if r == "balanced" and class_names(part[g]).nunique() <= room
        ]
        weights[rows] = balance(part, audit.label, groups).weights.round(6)
    return weights
