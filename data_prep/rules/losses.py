"""What cleaning takes from each class and group: told, and held back where it goes with one of them.

A rule can't tell damage from a defect that looks like it. If what it names goes with the label, cleaning would remove
what is to be found, and without a trace: the images are gone before anyone looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data_prep.rules.duplicates import EXACT, originals
from data_prep.rules.evidence import interval
from data_prep.rules.finders import Need, finds
from data_prep.rules.registry import Finding, Rule
from data_prep.rules.telling import CHANCE
from natkit.core.labels import class_names
from natkit.core.stats import exact_bounds, fisher, tarone
from natkit.facts.numbers import Interval

TAKES, TOLD = "cleaning_takes_class", "uneven_loss"  # codes of the two rules
ALL = "all_rules"  # stands for every rule together
COPIES, OTHERS = EXACT, "exact_copy of another class"
# what is told alone: nothing to read, no network takes both kinds or gaps, one of each set stays
NOT_HELD = ("absent", "unreadable", "mixed_kinds", "signal_gap", COPIES)
LOSSES = ["column", "value", "images", "set aside", "share", "low", "high", "mended", "held back"]
LEVEL = CHANCE / 2  # asked twice: before copies are looked for, and of the exact copies


@dataclass(frozen=True)
class Loss:
    """That cleaning takes more of one value of a class or group than of the others, surely.

    ``cleaning`` is the rule, or ``ALL``; ``lost`` of ``n`` images of the value with their ``share``, the same of the
    ``others``, and ``p``.
    """

    column: str
    value: str
    cleaning: str
    lost: int
    n: int
    share: Interval
    others_lost: int
    others_n: int
    others: Interval
    p: float


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
    A row a ``value``, with ``n`` and ``lost``, and ``p`` and ``least`` of :func:`natkit.core.stats.fisher`.
    """
    of, names = pd.factorize(values, sort=True)  # -1 where there is none
    n = np.bincount(of[of >= 0], minlength=len(names))
    lost = np.bincount(of[(of >= 0) & hit], minlength=len(names))
    p, least = fisher(lost, n)
    return pd.DataFrame({"value": names, "n": n, "lost": lost, "p": p, "least": least})


def uneven(
    columns: dict[str, pd.Series],
    takes: dict[str, dict[str, np.ndarray]],
    label: str | None = None,
    level: float = LEVEL,
) -> list[Loss]:
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
    All rules together are told only of a value of which no rule is told by itself.

    Notes
    -----
    Chance alone gives any row at all in at most 2.5 of 100 audits, whole classes aside. 20 of 100
    against 1 of 100 is always found.
    """
    parts = []
    for column, rules in takes.items():
        for rule, hit in rules.items():
            rows = count(columns[column], hit)
            others_n = rows["n"].sum() - rows["n"]
            others_lost = rows["lost"].sum() - rows["lost"]
            more = {"column": column, "cleaning": rule}
            parts.append(rows.assign(**more, others_n=others_n, others_lost=others_lost))
    if not parts:
        return []
    table = pd.concat(parts, ignore_index=True)
    sure = tarone(table["p"].to_numpy(), table["least"].to_numpy(), level)
    whole = (table["column"] == label) & (table["lost"] == table["n"])
    losses = [_loss(row) for row in table[sure | whole].itertuples(index=False)]
    by_one_rule = {(loss.column, loss.value) for loss in losses if loss.cleaning != ALL}
    return [x for x in losses if x.cleaning != ALL or (x.column, x.value) not in by_one_rule]


def _loss(row) -> Loss:
    return Loss(
        row.column,
        row.value,
        row.cleaning,
        int(row.lost),
        int(row.n),
        share(row.lost, row.n),
        int(row.others_lost),
        int(row.others_n),
        share(row.others_lost, row.others_n),
        float(f"{row.p:.2g}"),
    )


def share(k: int, n: int) -> Interval:
    """``k`` of ``n`` with its exact 95 % bounds (Clopper and Pearson); 0 to 1 if n is 0."""
    return interval(k / n if n else 0.0, *exact_bounds(k, n), n)


@finds(TAKES, TOLD, stage=None, needs=[Need.LABEL_OR_GROUPS])
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
    takes = {group: _taken_of_group(findings, table, rules) for group in groups}
    if label is not None:
        takes = {label: _taken_of_class(findings, table, label, rules)} | takes
    columns = {column: class_names(table[column]) for column in takes}
    new, stopped = [], set()
    for loss in uneven(columns, takes, label):
        mine = (columns[loss.column] == loss.value).to_numpy()
        much = TAKES in rules and loss.share.value > rules[TAKES].limit["share"]
        stop = _to_stop(loss, takes[loss.column], mine, rules) if much else set()
        stopped |= stop
        rule = TAKES if stop else TOLD
        severity = "problem" if much and loss.cleaning != COPIES else "warning"
        if rule in rules:
            evidence = replace(loss, cleaning=_rule(loss.cleaning))
            new.append(Finding(rule, severity, (), evidence, loss.lost))
    after = [replace(f, action=_instead(f.rule)) if f.rule in stopped else f for f in findings]
    return (*after, *new)


def _taken_of_class(
    findings: Sequence[Finding], table: pd.DataFrame, label: str, rules: dict[str, Rule]
) -> dict[str, np.ndarray]:
    """Rule → bool (n,): the images that it would set aside or mend."""
    taking = [f for f in findings if f.action in ("quarantined", "mended") and f.rule in rules]
    taken = _taken(taking, table, rules)
    if COPIES in taken:
        taken[OTHERS] = _copies_of_others(taking, table, label)
    return taken


def _taken_of_group(
    findings: Sequence[Finding], table: pd.DataFrame, rules: dict[str, Rule]
) -> dict[str, np.ndarray]:
    """Rule → bool (n,): the images that it would set aside; a rule of the user's own may be about a group."""
    taking = [f for f in findings if f.action == "quarantined" and f.rule in rules]
    return _taken([f for f in taking if not rules[f.rule].own], table, rules)


def _taken(
    taking: Sequence[Finding], table: pd.DataFrame, rules: dict[str, Rule]
) -> dict[str, np.ndarray]:
    """Rule → bool (n,): the images that it names; under ``ALL`` those of all rules that can be held back."""
    taken = {f.rule: table["path"].isin(f.paths).to_numpy() for f in taking if f.paths}
    can_be_held = [hit for rule, hit in taken.items() if _can_be_held(rule, rules)]
    if len(can_be_held) > 1:
        taken[ALL] = np.logical_or.reduce(can_be_held)
    return taken


def _to_stop(
    loss: Loss, takes: dict[str, np.ndarray], mine: np.ndarray, rules: dict[str, Rule]
) -> set[str]:
    """Codes of the rules that are held back for a loss; ``mine``: bool (n,), images of its value."""
    names = [loss.cleaning]
    if loss.cleaning == ALL:
        names = [rule for rule, hit in takes.items() if (hit & mine).any()]
    return {_rule(name) for name in names if _can_be_held(name, rules)}


def _instead(rule: str) -> str:
    """What is done to an image that is kept: nothing, but a signal's gap is filled and marked."""
    return "mended" if rule == "signal_lost" else "reported"


def _rule(name: str) -> str:
    return COPIES if name == OTHERS else name


def _can_be_held(name: str, rules: dict[str, Rule]) -> bool:
    """Of the rules that come with natkit; one of the user's own is the decision of a person."""
    return name == OTHERS or (name in rules and name not in NOT_HELD and not rules[name].own)


def _copies_of_others(taking: Sequence[Finding], table: pd.DataFrame, label: str) -> np.ndarray:
    """bool (n,): exact copies of which only an image of another class would stay."""
    class_of = dict(zip(table["path"], class_names(table[label]), strict=True))
    (found,) = (f for f in taking if f.rule == COPIES)
    lost = {path for path, first in originals([found]).items() if class_of[path] != class_of[first]}
    return table["path"].isin(lost).to_numpy()


def by_value(
    table: pd.DataFrame,
    columns: Sequence[str],
    aside: set[str],
    mended: set[str],
    held_back: set[str],
) -> pd.DataFrame:
    """Of each class and group: images, those set aside with their share and its bounds, mended, held back.

    Parameters
    ----------
    table
        All rows of the scan.
    columns
        Those of the label and of groups of few values.
    aside, mended, held_back
        Paths: set aside, mended, and those that a rule would have taken and a person is to look at.
    """
    rows = []
    for column in columns:
        for value, paths in table["path"].groupby(class_names(table[column])):
            gone = int(paths.isin(aside).sum())
            lost = share(gone, len(paths))
            row = {
                "column": column,
                "value": value,
                "images": len(paths),
                "set aside": gone,
                "share": lost.value,
                "low": lost.low,
                "high": lost.high,
                "mended": int(paths.isin(mended - aside).sum()),
                "held back": int(paths.isin(held_back - aside).sum()),
            }
            rows.append(row)
    return pd.DataFrame(rows, columns=LOSSES)
