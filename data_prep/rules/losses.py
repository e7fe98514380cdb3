"""What cleaning takes from each class and group: told, and held back where it goes with one of them.

A rule can't tell damage from a defect that looks like it. If what it names goes with the label, cleaning would remove
what is to be found, and without a trace: the images are gone before anyone looks.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest, hypergeom

from data_prep.rules.registry import Finding, Rule
from data_prep.rules.telling import CHANCE, interval
from natkit.core.labels import class_names

TAKES, TOLD = "cleaning_takes_class", "uneven_loss"  # codes of the two rules
ALL = "all_rules"  # stands for every rule together
COPIES, OTHERS = "exact_copy", "exact_copy of another class"
# what is told alone: nothing to read, no network takes both kinds or gaps, one of each set stays
NOT_HELD = ("absent", "unreadable", "mixed_kinds", "signal_gap", COPIES)
LEVEL = CHANCE / 2  # asked twice: before copies are looked for, and of the exact copies


def count(values: pd.Series, hit: np.ndarray) -> pd.DataFrame:
    """How many images of each value are hit, and whether chance hits as many.

    Parameters
    ----------
    values
        Classes or groups (n,); images without one are left out.
    hit
        bool (n,).

    Returns
    -------
    A row a ``value``, with ``n`` and ``lost``; ``p``, that so many or more of its images are among those
    hit if these were drawn blindly (Fisher's exact test, one-sided); and ``least``, the smallest p
    that its size allows.
    """
    of, names = pd.factorize(values, sort=True)  # -1 where there is none
    n = np.bincount(of[of >= 0], minlength=len(names))
    lost = np.bincount(of[(of >= 0) & hit], minlength=len(names))
    drawn = n.sum(), lost.sum(), n
    p, least = (hypergeom.sf(k - 1, *drawn) for k in (lost, np.minimum(n, lost.sum())))
    return pd.DataFrame({"value": names, "n": n, "lost": lost, "p": p, "least": least})


def stand(p: np.ndarray, least: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """bool (m,): which p stand, with a chance of at most ``level`` that any of them is a false alarm.

    Tests that could never reach the level (a class of three images, a rule that names one) cost the
    others nothing.

    References
    ----------
    Tarone, "A modified Bonferroni method for discrete data", Biometrics 46 (1990).
    """
    k = next(k for k in range(1, len(p) + 2) if (least <= level / k).sum() <= k)
    return p <= level / k


def uneven(
    columns: dict[str, pd.Series],
    takes: dict[str, dict[str, np.ndarray]],
    label: str | None = None,
    level: float = LEVEL,
) -> list[dict]:
    """What goes with a class or group: where cleaning takes more of one value than of the others.

    Parameters
    ----------
    columns
        Name → values (n,) as text.
    takes
        Name of the column → rule → bool (n,): the images that the rule takes.
    label
        The column of classes. A class that would be lost whole is told whatever chance says: a class
        of one image can't be tested, and is gone for good.

    Returns
    -------
    One row of evidence each: ``column, value, cleaning`` (the rule), ``lost`` of ``n`` with ``share``
    and its exact bounds, the same of the ``others``, and ``p``. All rules together are told only of
    a value of which no rule is told by itself.

    Notes
    -----
    Chance alone gives any row at all in at most 2.5 of 100 audits, whole classes aside. 20 of 100
    against 1 of 100 is always found.
    """
    parts = []
    for column, rules in takes.items():
        for rule, hit in rules.items():
            rows = count(columns[column], hit)
            others, rest = rows["n"].sum() - rows["n"], rows["lost"].sum() - rows["lost"]
            more = {"column": column, "cleaning": rule, "others_n": others, "others_lost": rest}
            parts.append(rows.assign(**more))
    if not parts:
        return []
    table = pd.concat(parts, ignore_index=True)
    table["stands"] = stand(table["p"].to_numpy(), table["least"].to_numpy(), level)
    whole = (table["column"] == label) & (table["lost"] == table["n"])
    told = table[table["stands"] | whole]
    alone = set(told.loc[told["cleaning"] != ALL, ["column", "value"]].itertuples(index=False))
    return [
        _evidence(row)
        for row in told.itertuples(index=False)
        if row.cleaning != ALL or (row.column, row.value) not in alone
    ]


def _evidence(row) -> dict:
    return {
        "column": row.column,
        "value": row.value,
        "cleaning": row.cleaning,
        "lost": int(row.lost),
        "n": int(row.n),
        "share": share(row.lost, row.n),
        "others_lost": int(row.others_lost),
        "others_n": int(row.others_n),
        "others": share(row.others_lost, row.others_n),
        "p": float(f"{row.p:.2g}"),
    }


def share(k: int, n: int) -> dict:
    """``k`` of ``n`` with its exact 95 % bounds (Clopper and Pearson); 0 to 1 if n is 0."""
    if not n:
        return interval(0.0, 0.0, 1.0, 0)
    found = binomtest(int(k), int(n)).proportion_ci()
    return interval(k / n, found.low, found.high, n)


def held_back(
    findings: Sequence[Finding],
    table: pd.DataFrame,
    label: str | None,
    groups: Sequence[str],
    rules: dict[str, Rule],
) -> tuple[Finding, ...]:
    """The findings, those that would take a class or group by action "reported", and what is said of it.

    A rule is held back for all its images, not for those of one class: were it carried out on the
    others, what it finds would tell the class.

    Parameters
    ----------
    findings
        Those that have not been looked at yet, with the actions of their rules.
    table
        All rows of the scan.
    label, groups
        Columns of classes, and of what few values images share. Mending takes nothing from a group:
        a camera's dead line is the camera's, and filling it keeps the image.
    """
    takes, actions = (
        {},
        {label: ("quarantined", "mended")} | dict.fromkeys(groups, ("quarantined",)),
    )
    for column, does in actions.items():
        if column is None:
            continue
        told = [f for f in findings if f.paths and f.action in does and f.rule in rules]
        if column != label:  # a rule of the user's own may be about a group
            told = [f for f in told if not rules[f.rule].own]
        hits = {f.rule: table["path"].isin(f.paths).to_numpy() for f in told}
        free = [hit for rule, hit in hits.items() if _can_be_held(rule, rules)]
        if len(free) > 1:
            hits[ALL] = np.logical_or.reduce(free)
        if column == label and COPIES in hits:
            hits[OTHERS] = _copies_of_others(told, table, label)
        takes[column] = hits
    columns = {column: class_names(table[column]) for column in takes}
    said, held = [], set()
    for row in uneven(columns, takes, label):
        much = TAKES in rules and row["share"]["value"] > rules[TAKES].limit["share"]
        names = [row["cleaning"]]
        if row["cleaning"] == ALL:
            mine = (columns[row["column"]] == row["value"]).to_numpy()
            names = [r for r, hit in takes[row["column"]].items() if (hit & mine).any()]
        stop = {_rule(name) for name in names if _can_be_held(name, rules)} if much else set()
        held |= stop
        evidence = row | {"cleaning": _rule(row["cleaning"])}
        code, severity = (TAKES, "problem") if stop else (TOLD, "problem" if much else "warning")
        severity = "warning" if row["cleaning"] == COPIES else severity
        if code in rules:
            said.append(Finding(code, severity, (), evidence, row["lost"]))
    findings = [replace(f, action=_instead(f.rule)) if f.rule in held else f for f in findings]
    return (*findings, *said)


def _instead(rule: str) -> str:
    """What is done to an image that is kept: nothing, but a signal's gap is filled and marked."""
    return "mended" if rule == "signal_lost" else "reported"


def _rule(name: str) -> str:
    return COPIES if name == OTHERS else name


def _can_be_held(name: str, rules: dict[str, Rule]) -> bool:
    """Of the rules that come with natkit; one of the user's own is the decision of a person."""
    return name == OTHERS or (name in rules and name not in NOT_HELD and not rules[name].own)


def _copies_of_others(findings: Sequence[Finding], table: pd.DataFrame, label: str) -> np.ndarray:
    """bool (n,): exact copies of which only an image of another class would stay."""
    of = dict(zip(table["path"], class_names(table[label]), strict=True))
    (found,) = (f for f in findings if f.rule == COPIES)
    pairs = zip(found.paths, found.details, strict=True)
    lost = {path for path, facts in pairs if of[path] != of[facts["copy_of"]]}
    return table["path"].isin(lost).to_numpy()


def by_value(
    table: pd.DataFrame,
    columns: Sequence[str],
    aside: set[str],
    mended: set[str],
    held: set[str],
) -> pd.DataFrame:
    """Of each class and group: images, those set aside with their share and its bounds, mended, held back.

    Parameters
    ----------
    table
        All rows of the scan.
    columns
        Those of the label and of groups of few values.
    aside, mended, held
        Paths: set aside, mended, and those that a rule would have taken and a person is to look at.
    """
    rows = []
    for column in columns:
        for value, some in table["path"].groupby(class_names(table[column])):
            n, gone = len(some), int(some.isin(aside).sum())
            row = {"column": column, "value": value, "images": n, "set aside": gone}
            found = share(gone, n)
            row |= {"share": found["value"], "low": found["low"], "high": found["high"]}
            row |= {"mended": int(some.isin(mended - aside).sum())}
            row |= {"held back": int(some.isin(held - aside).sum())}
            rows.append(row)
    names = ["column", "value", "images", "set aside", "share", "low", "high"]
    return pd.DataFrame(rows, columns=[*names, "mended", "held back"])
