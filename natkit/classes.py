"""Labels as names of classes, the same for training and for scoring."""

import numpy as np
import pandas as pd

MANY = 50  # a numeric label with more values than this is a measurement


def class_names(values: pd.Series) -> pd.Series:
    """Labels as text, so that 1, 1.0 and "1" are one class; empty values are missing too."""

    def name(value) -> str | None:
        if pd.isna(value):
            return None
        if isinstance(value, float | np.floating) and float(value).is_integer():
            return str(int(value))
        return str(value).strip() or None

    return pd.Series([name(value) for value in values], index=values.index, dtype=object)
