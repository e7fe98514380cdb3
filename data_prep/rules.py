"""A rule says what it finds, why, and what is done; a finding is a rule that met its case."""

from dataclasses import dataclass, field

import pandas as pd

from natkit.errors import InputError

SEVERITIES = ("problem", "warning", "note")  # most serious first


@dataclass(frozen=True)
class Rule:
    """What a rule finds, why it matters, and the action: quarantined, weighted or reported.

    Quarantined means left out of the prepared folder and named in the ledger; nothing is ever
    deleted.
    """

    finds: str
    why: str
    action: str


RULES = {
    "absent": Rule(
        "the table lists the image, but there is no such file",
        "the sample is smaller than the table says, and perhaps not by chance",
        "quarantined",
    ),
    "unreadable": Rule(
        "the file is empty, cut short, too big or no image",
        "it would stop a training, or enter it as noise",
        "quarantined",
    ),
    "blank": Rule(
        "the picture has hardly any contrast",
        "it shows nothing, yet carries a label",
        "quarantined",
    ),
    "partly_missing": Rule(
        "a part of the picture at one edge is filled with one value",
        "the missing part may have shown the defect",
        "quarantined",
    ),
    "exact_copy": Rule(
        "another image has exactly these pixels",
        "a copy in train and test makes any score too good",
        "quarantined",
    ),
    "missing_values": Rule(
        "the table has no value here",
        "what is missing is seldom missing by chance",
        "reported",
    ),
    "label_missing": Rule(
        "the image has no label",
        "it can be trained on without label, but not scored",
        "reported",
    ),
    "class_imbalance": Rule(
        "one class has many times the images of another",
        "a model can look good by never naming the rare class",
        "weighted",
    ),
    "group_imbalance": Rule(
        "the label and the group go together",
        "a model can learn the group instead of the defect",
        "weighted",
    ),
    "shortcut": Rule(
        "the label can be told without looking at what the picture shows",
        "a good score would not show that the defect is seen",
        "reported",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One problem of the data.

    ``paths`` are the images concerned, empty where it concerns the whole set. ``evidence`` holds
    JSON-able numbers and text about the finding, ``details`` the same about each of ``paths``.
    ``count`` is the number of images concerned.
    """

    rule: str
    severity: str
    paths: tuple[str, ...]
    evidence: dict
    count: int
    details: tuple[dict, ...] = field(default=(), repr=False)

    @property
    def action(self) -> str:
        """What :func:`data_prep.prepare` does about it."""
        return RULES[self.rule].action

    def __repr__(self) -> str:
        column = f" in {self.evidence['column']}" if "column" in self.evidence else ""
        return f"Finding({self.rule}{column}: {self.count} images, {self.severity}, {self.action})"


def class_text(column: pd.Series) -> pd.Series:
    """A label or group column as text (``"1"``, never ``"1.0"``); gaps stay gaps."""

    def text(value: object) -> str:
        whole = isinstance(value, float) and value.is_integer()
        return str(int(value)) if whole else str(value)

    return column.astype(object).map(text, na_action="ignore")


def check_columns(columns: list[str], label: str | None, groups: tuple[str, ...]) -> None:
    """Raise InputError if the label or a group is not among ``columns``."""
    have = f"it has {', '.join(columns)}" if columns else "there is no table, or it has no columns"
    for kind, name in (("label", label), *(("group", group) for group in groups)):
        if name is not None and name not in columns:
            raise InputError(
                f"The table has no {kind} column {name!r}; {have}. Name one of its columns."
            )
    if label is not None and label in groups:
        raise InputError(
            f"{label!r} is both label and group; a group is something else that images share "
            "(camera, lot, shift). Leave it out of the groups."
        )


def check_classes(column: pd.Series) -> None:
    """Raise InputError if a label column can't be used as classes."""
    values = class_text(column).dropna()
    n = values.nunique()
    if n < 2:
        held = f"one value ({values.iloc[0]})" if n else "no value"
        raise InputError(
            f"The label column {column.name!r} holds {held}; at least two classes are needed. "
            "Name another column, or leave the label out."
        )
    if n > 50 and (pd.api.types.is_numeric_dtype(column) or n > len(values) / 2):
        what = (
            "a measurement" if pd.api.types.is_numeric_dtype(column) else "a name or serial number"
        )
        raise InputError(
            f"The label column {column.name!r} has {n} different values: {what}, not a class. "
            "Make a column of classes from it (for example above or below a limit), and name that."
        )
