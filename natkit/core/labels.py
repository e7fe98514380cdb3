"""Labels and groups as names of classes: one function for audit, splits, weights, training, scores and report."""

import unicodedata

import numpy as np
import pandas as pd

MANY = 50  # a numeric label with more values than this is a measurement


def class_names(values: pd.Series) -> pd.Series:
    """Values as text, None where there is no class; see :func:`class_name`."""
    names = [class_name(value) for value in values]
    return pd.Series(names, index=values.index, dtype=object, name=values.name)


def class_name(value: object) -> str | None:
    """1, 1.0 and "1" are one class, and so is text that differs by spaces at its ends or by how accents are composed.

    None for a gap, and for text of spaces alone.
    """
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).strip() or None
    if pd.isna(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return class_name(value.decode("utf-8", "replace"))
    return str(value)
