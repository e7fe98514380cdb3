"""Rules of the user's own: about certain images, a column of the table, or a number of the scan."""

import pandas as pd

from data_prep.rules.finders import Context, Stage, finds
from data_prep.rules.registry import Finding, Rule
from data_prep.scanning.measuring import SIZES
from data_prep.scanning.scan import OF_SIGNALS
from data_prep.scanning.statistics import STATISTICS
from natkit.core.errors import InputError
from natkit.core.labels import class_names

BOUNDS = ("from", "before", "min", "max")
MEASURED = (*STATISTICS, *SIZES, "pages")


def own_findings(table: pd.DataFrame, rules: dict[str, Rule]) -> list[Finding]:
    """A finding for each rule of the user's that some row of ``table`` meets.

    Raises
    ------
    InputError
        If a rule names a column, a bound or a check that there is not.
    """
    found = []
    for rule in rules.values():
        if not rule.own:
            continue
        if "where" in rule.own:
            hit, value = _where(table, rule), None
        elif "check" in rule.own:
            hit, value = _fails(table, rule), rule.own["column"]
        else:
            hit, value = _beyond(table, rule), rule.own["measure"]
        if hit.any():
            rows = table[hit]
            details = ({},) * len(rows)
            if value is not None:
                details = tuple({"column": value, "value": str(v)} for v in rows[value])
            evidence = {"n": len(rows)} | ({} if value is None else {"column": value})
            n, paths = len(rows), tuple(rows["path"])
            found.append(Finding(rule.code, "warning", paths, evidence, n, details, rule.action))
    return found


@finds(stage=Stage.OWN)
def _own(context: Context) -> list[Finding]:
    return own_findings(context.scan.table, context.rules)


def _column(table: pd.DataFrame, rule: Rule, name: str) -> pd.Series:
    if name not in table.columns:
        raise InputError(
            f"The rule {rule.code!r} asks for the column {name!r}, but there are "
            f"{', '.join(table.columns)}. Name one of these."
        )
    return table[name]


def _where(table: pd.DataFrame, rule: Rule) -> pd.Series:
    """Rows that meet all conditions: a value, one of several, or bounds (before is exclusive)."""
    hit = pd.Series(True, table.index)
    for name, wanted in rule.own["where"].items():
        column = _column(table, rule, name)
        if isinstance(wanted, dict):
            hit &= _within(column, wanted, rule)
        else:
            values = wanted if isinstance(wanted, list) else [wanted]
            hit &= class_names(column).isin(class_names(pd.Series(values, dtype=object)).tolist())
    return hit


def _within(column: pd.Series, bounds: dict, rule: Rule) -> pd.Series:
    if not bounds or not set(bounds) <= set(BOUNDS):
        raise InputError(
            f"The rule {rule.code!r} bounds {column.name!r} by {sorted(bounds)}; the bounds are "
            f"{', '.join(BOUNDS)}. Use some of these."
        )
    if {"from", "before"} & set(bounds):
        times = pd.to_datetime(column, errors="coerce", format="mixed")
        first = pd.Timestamp(str(bounds.get("from", "1678-01-01")))
        after = pd.Timestamp(str(bounds.get("before", "2262-01-01")))
        return (times >= first) & (times < after)
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers.between(bounds.get("min", -float("inf")), bounds.get("max", float("inf")))


def _fails(table: pd.DataFrame, rule: Rule) -> pd.Series:
    """Rows of the user's table that a check of pandera refuses; a missing value passes."""
    import pandera.pandas as pa  # half a second; needed for such a rule alone

    name = rule.own["column"]
    _column(table, rule, name)
    listed = table[table["listed"]].reset_index(drop=True)
    try:
        checks = [getattr(pa.Check, check)(**facts) for check, facts in rule.own["check"].items()]
    except (AttributeError, TypeError) as error:
        raise InputError(
            f"The rule {rule.code!r} has a check that pandera does not know ({error}). Use one of "
            "pandera.Check, such as in_range, isin, str_matches, with its arguments."
        ) from error
    schema = pa.DataFrameSchema({name: pa.Column(checks=checks, nullable=True)})
    hit = pd.Series(False, table.index)
    try:
        schema.validate(listed, lazy=True)
    except pa.errors.SchemaErrors as error:
        rows = error.failure_cases["index"].dropna().astype(int)
        hit[table.index[table["listed"]][rows.unique()]] = True
    return hit


def _beyond(table: pd.DataFrame, rule: Rule) -> pd.Series:
    name = rule.own["measure"]
    known = MEASURED if "noise" in table.columns else OF_SIGNALS[-2:]  # of images; of signals
    if name not in known:
        raise InputError(
            f"The rule {rule.code!r} measures {name!r}; the scan measures "
            f"{', '.join(known)}. Name one of these."
        )
    good = table["status"] == "ok"
    low, high = rule.own.get("below", -float("inf")), rule.own.get("above", float("inf"))
    return good & ((table[name] < low) | (table[name] > high))
