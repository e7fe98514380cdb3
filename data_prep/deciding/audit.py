"""Look a scan through by every rule, rank what is found, and take what people decide about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from data_prep.repair.splits import components, role
from data_prep.rules.bias import class_imbalance, group_imbalance, shortcuts
from data_prep.rules.drift import drifts
from data_prep.rules.duplicates import exact_copies, leakage, near_copies, same_picture
from data_prep.rules.imputing import not_at_random
from data_prep.rules.losses import TAKES, TOLD, by_value, held_back
from data_prep.rules.missing import (
    broken_images,
    invalid_pixels,
    missing_labels,
    missing_values,
    mixed_kinds,
    passed_over,
    unlisted,
)
from data_prep.rules.own import own_findings
from data_prep.rules.quality import gains, worse_than_own_camera
from data_prep.rules.registry import (
    ABOUT_IMAGES,
    ABOUT_SIGNALS,
    ABOUT_TABLES,
    RULES,
    SEVERITIES,
    SIGNAL_RULES,
    Finding,
    Rule,
    check_classes,
    check_columns,
    check_merged,
    read_rules,
    with_own,
)
from data_prep.rules.signals import signal_findings
from data_prep.rules.spellings import alike_classes
from data_prep.rules.suiting import in_doubt
from data_prep.scanning.scan import Scan
from natkit.core import html
from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.shortcuts import Source

NEED_LABEL = ("label_missing", "class_imbalance", "group_imbalance", "shortcut")
NEED_GROUP = ("gain",)
NEED_EMBEDDING = ("outlier", "doubtful_label")
DECISIONS = ("kept", "quarantined", "mended")
SELDOM_WRONG = (
    "column_unnamed",
    "rows_elsewhere",
    "rows_without_image",
)  # of the rules about tables
NOTHING_TO_READ = ("absent", "misnamed", "unreadable")  # rules whose images can only be left out


@dataclass(frozen=True)
class Decision:
    """What a person decided about one image and rule: kept, quarantined or mended."""

    path: str
    rule: str
    action: str
    by: str
    note: str
    time: str


@dataclass(frozen=True)
class Audit:
    """What is wrong with the data of a :class:`Scan`: ``findings``, the most serious first.

    ``label``, ``groups``, ``time`` and ``split`` are the columns that were named, ``rules`` what was
    judged by, ``decisions`` what people decided since; the last one about an image and rule counts.
    """

    scan: Scan
    label: str | None
    groups: tuple[str, ...]
    findings: tuple[Finding, ...]
    rules: dict[str, Rule] = field(default_factory=lambda: RULES, repr=False)
    time: str | None = None
    split: str | None = None
    own: dict = field(default_factory=dict, repr=False)  # what the user's file of rules holds
    decisions: tuple[Decision, ...] = ()

    def __repr__(self) -> str:
        kinds = [sum(f.severity == s for f in self.findings) for s in SEVERITIES]
        counts = ", ".join(f"{n} {s}s" for n, s in zip(kinds, SEVERITIES, strict=True))
        return f"Audit({len(self.scan.table)} {self.scan.kind}: {counts})"

    def _repr_html_(self) -> str:
        """The findings, the most serious first."""
        shown = ["name", "column", self.scan.kind, "severity", "action", "example"]
        return html.table(repr(self), self.table[shown])

    @property
    def looked_for(self) -> tuple[str, ...]:
        """Codes of the rules that were looked for; without a label or a group some can't be."""
        without = {*NEED_EMBEDDING, *(ABOUT_SIGNALS if self.scan.signals is None else ABOUT_IMAGES)}
        without |= set() if self.label is not None else set(NEED_LABEL)
        without |= set() if self.groups else set(NEED_GROUP)
        without |= set() if self.label is not None or self.groups else {TAKES, TOLD}
        without |= set() if self.split is not None else {"leakage"}
        without |= set() if self.scan.listed_in_table else {"unlisted", *ABOUT_TABLES}
        return tuple(code for code in self.rules if code not in without)

    @property
    def small_groups(self) -> list[str]:
        """Groups of few values (camera, shift): what an image is judged within."""
        return [g for g in self.groups if role(self.scan.table[g]) == "balanced"]

    @property
    def large_groups(self) -> list[str]:
        """Groups of many values (lot, part): what is never split."""
        return [g for g in self.groups if role(self.scan.table[g]) == "kept together"]

    def actions(self, finding: Finding) -> list[str]:
        """The action for each of the finding's images: the rule's, or what a person decided."""
        decided = {(d.path, d.rule): d.action for d in self.decisions}
        return [decided.get((path, finding.rule), finding.action) for path in finding.paths]

    def paths_of(self, action: str) -> set[str]:
        """Images to which ``action`` is done, by a rule or by hand."""
        found = {(path, f.rule): f.action for f in self.findings for path in f.paths}
        found |= {(d.path, d.rule): d.action for d in self.decisions}
        return {path for (path, _), done in found.items() if done == action}

    def possible(self, rule: str) -> list[str]:
        """The decisions that can be taken about an image that ``rule`` found."""
        if rule in NOTHING_TO_READ:
            return ["quarantined"]
        return [a for a in DECISIONS if a != "mended" or self.rules[rule].mend]

    @property
    def quarantined(self) -> set[str]:
        """Paths that are left out of a prepared folder."""
        return self.paths_of("quarantined")

    @property
    def readable(self) -> set[str]:
        """Paths of the images that can be read."""
        table = self.scan.table
        return set(table["path"][table["status"] == "ok"])

    @property
    def kept(self) -> pd.DataFrame:
        """Rows of the scan that go into a prepared folder, in the order of their paths."""
        table = self.scan.table
        return table[~table["path"].isin(self.quarantined)].sort_values("path", ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """The findings as a table, one row each, for a notebook; :meth:`as_table` in English."""
        return self.as_table("en")

    def as_table(self, lang: str = "en") -> pd.DataFrame:
        """The findings, one row each, with the sentences of their rules in "en" or "ja"."""
        rows = [
            {
                "rule": f.rule,
                "column": f.evidence.get("column", ""),
                self.scan.kind: f.count,
                "severity": f.severity,
                "action": f.action,
                "name": self.rules[f.rule].name[lang],
                "finds": self.rules[f.rule].finds[lang],
                "why": self.rules[f.rule].why[lang],
                "example": f.paths[0] if f.paths else "",
            }
            for f in self.findings
        ]
        columns = [
            "rule",
            "column",
            self.scan.kind,
            "severity",
            "action",
            "name",
            "finds",
            "why",
            "example",
        ]
        return pd.DataFrame(rows, columns=columns)

    def decide(
        self,
        action: str,
        paths: Sequence[str] | None = None,
        rule: str | None = None,
        by: str = "",
        note: str = "",
    ) -> "Audit":
        """A new audit in which ``by`` has decided about images: keep, quarantine or mend them.

        Parameters
        ----------
        action
            "kept", "quarantined" or "mended" (dead lines and blocks, and rules with a mend).
        paths
            Images; by default all that ``rule`` names. With a rule, an image that it did not name can
            be quarantined too.
        rule
            Code of a rule; by default every rule that names the images.
        by, note
            Who decided, and why; both go into the ledger.

        Raises
        ------
        InputError
            If no finding names an image, or the action is not possible.
        """
        if action not in DECISIONS:
            raise InputError(
                f"An image can be {', '.join(DECISIONS)}, but not {action!r}. Take one."
            )
        wanted = None if paths is None else {paths} if isinstance(paths, str) else set(paths)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        new = [
            Decision(path, f.rule, action, by, note, now)
            for f in self.findings
            if rule is None or f.rule == rule
            for path in f.paths
            if wanted is None or path in wanted
        ]
        lost = sorted((wanted or set()) - {d.path for d in new})
        if lost and action == "quarantined" and rule in self.rules:
            there = set(self.scan.table["path"])
            new += [Decision(path, rule, action, by, note, now) for path in lost if path in there]
            lost = [path for path in lost if path not in there]
        if lost or not new:
            raise InputError(
                f"No finding{f' of the rule {rule!r}' if rule else ''} names "
                f"{', '.join(lost[:5]) or 'any image'}. See audit.table for the rules, and "
                "audit.findings for their images."
            )
        if bad := {d.rule for d in new if action not in self.possible(d.rule)}:
            raise InputError(
                f"Images found by {', '.join(sorted(bad))} can't be {action}: there is nothing to "
                "read, or no mend for it. Leave them quarantined."
            )
        return self.with_decisions(new)

    def with_decisions(self, new: Sequence[Decision]) -> "Audit":
        """A new audit that holds these decisions as well."""
        return replace(self, decisions=(*self.decisions, *new))

    def undo(
        self,
        paths: Sequence[str] | None = None,
        rule: str | None = None,
        by: str = "",
        note: str = "",
    ) -> "Audit":
        """A new audit that keeps images as they are, whatever a rule or a person decided before."""
        return self.decide("kept", paths, rule, by, note)

    @property
    def held(self) -> set[str]:
        """Paths that a rule would set aside or mend, and that are kept for a person to look at."""
        back = [f for f in self.findings if f.action != self.rules[f.rule].action]
        decided = {(d.path, d.rule) for d in self.decisions}
        return {path for f in back for path in f.paths if (path, f.rule) not in decided}

    @property
    def losses(self) -> pd.DataFrame:
        """What cleaning takes from each class and group: set aside with share and bounds, mended, held back."""
        columns = [*([] if self.label is None else [self.label]), *self.small_groups]
        ends = self.quarantined, self.paths_of("mended"), self.held
        return by_value(self.scan.table, columns, *ends)

    def before_after(self, column: str | None = None) -> pd.DataFrame:
        """Images listed, set aside, mended and kept: in all, and for each value of ``column``."""
        table = self.scan.table
        value = pd.Series("all", table.index) if column is None else class_names(table[column])
        aside = table["path"].isin(self.quarantined)
        marks = pd.DataFrame(
            {
                column or self.scan.kind: value.fillna(""),
                "before": 1,
                "set aside": aside.astype(int),
                "mended": (table["path"].isin(self.paths_of("mended")) & ~aside).astype(int),
                "after": (~aside).astype(int),
            }
        )
        return marks.groupby(column or self.scan.kind).sum()


def audit(
    scan: Scan,
    label: str | None = None,
    groups: Sequence[str] = (),
    time: str | None = None,
    split: str | None = None,
    rules: str | Path | dict | None = None,
    seed: int = 0,
) -> Audit:
    """Look for broken, worn, copied and missing data, for bias, drift and shortcuts. Changes nothing.

    Parameters
    ----------
    label
        Column of the classes (at least two, text or numbers). Without it the rules that need one
        are left out.
    groups
        Columns of what images share: camera, shift, lot, part. Those of fewer than 30 values are
        also what an image is judged within: its own camera.
    time
        Column of the time at which the image was taken, for drift and for kinds of copies.
    split
        Column of a split of the user's own, to be checked for leaks.
    rules
        TOML file that changes the rules of ``data_prep/rules/rules.toml`` and adds others, or its content.
    seed
        For the folds and resamples behind the intervals.

    Raises
    ------
    InputError
        If a column is not in the table, the label can't be used as classes, or a rule is faulty.

    Notes
    -----
    About 15 s for 2,600 images with five columns, most of it for near copies.
    """
    groups = (groups,) if isinstance(groups, str) else tuple(groups)
    check_columns(scan.user_columns, label, groups, time, split)
    own = rules if isinstance(rules, dict) else {} if rules is None else read_rules(rules)
    where = "the rules" if isinstance(rules, dict) else str(rules)
    judge = with_own(own, where, RULES if scan.signals is None else SIGNAL_RULES)
    if label is not None:
        check_classes(scan.table[label], scan.told)
    check_merged(scan.told, groups)
    scan = scan.with_text(c for c in (label, *groups) if c is not None)
    so_far = Audit(scan, label, groups, (), judge, time, split, own)
    what = (_at_files, _at_pictures) if scan.signals is None else (_at_signals,)
    so_far = _looked(so_far, (_at_the_table, *what), seed)
    so_far = _held_back(so_far)  # so that copies are looked for in what stays
    so_far = _held_back(_looked(so_far, (_at_exact_copies,), seed), len(so_far.findings))
    so_far = _looked(so_far, (_at_near_copies, _at_gaps, _at_the_label, _at_drift), seed)
    return replace(so_far, findings=tuple(sorted(so_far.findings, key=_rank)))


def _looked(audit: Audit, looks: Sequence[Callable], seed: int) -> Audit:
    """The audit with what each of ``looks`` finds, one after another, and the actions of the rules."""
    for look in looks:
        new = [f for f in look(audit, seed) if f.rule in audit.rules]
        new = [replace(f, action=audit.rules[f.rule].action) for f in new]
        if audit.scan.signals is None:
            good = audit.scan.table[audit.scan.table["status"] == "ok"]
            new = in_doubt(new, good, audit.small_groups, audit.scan.root)
        audit = replace(audit, findings=(*audit.findings, *new))
    return audit


def _held_back(audit: Audit, start: int = 0) -> Audit:
    """The audit in which no finding from ``start`` on takes a class or group by itself."""
    old, new = audit.findings[:start], audit.findings[start:]
    new = held_back(new, audit.scan.table, audit.label, audit.small_groups, audit.rules)
    return replace(audit, findings=(*old, *new))


def _rank(finding: Finding) -> tuple:
    """What cleaning itself would spoil first, then by severity and number."""
    return finding.rule != TAKES, SEVERITIES.index(finding.severity), -finding.count


def _at_the_table(audit: Audit, _seed: int) -> list[Finding]:
    """What became of rows, columns and cells that are not as the file has them, and names that are nearly one."""
    named = [c for c in (audit.label, *audit.groups, audit.time, audit.split) if c is not None]
    found = []
    for rule, facts in audit.scan.told:
        if rule in audit.rules and (rule != "words_as_gaps" or facts["column"] in named):
            n = min(facts.get("rows", facts.get("cells", 0)), len(audit.scan.table))
            severity = "note" if rule in SELDOM_WRONG else "warning"
            found.append(Finding(rule, severity, (), facts, n or len(audit.scan.table)))
    return found + alike_classes(
        audit.scan.table, named[: len(audit.groups) + (audit.label is not None)]
    )


def _at_files(audit: Audit, _seed: int) -> list[Finding]:
    scan = audit.scan
    found = broken_images(scan.table, scan.instead) + passed_over(scan.passed_over)
    return found + (unlisted(scan.table) if scan.listed_in_table else [])


def _at_pictures(audit: Audit, seed: int) -> list[Finding]:
    kept, small = audit.kept, audit.small_groups
    found = mixed_kinds(kept) + worse_than_own_camera(kept, small, audit.rules)
    bad = {path for f in found for path in f.paths}
    found += invalid_pixels(kept)
    found += gains(kept[~kept["path"].isin(bad)], small, audit.rules, seed)
    return found + own_findings(audit.scan.table, audit.rules)


def _at_signals(audit: Audit, _seed: int) -> list[Finding]:
    found = signal_findings(audit.scan, audit.small_groups, audit.rules)
    return found + own_findings(audit.scan.table, audit.rules)


def _at_exact_copies(audit: Audit, _seed: int) -> list[Finding]:
    return exact_copies(audit.kept, audit.label)


def _at_near_copies(audit: Audit, _seed: int) -> list[Finding]:
    kept, large = audit.kept, audit.large_groups
    found = [f for f in audit.findings if f.rule == "exact_copy"]
    twice = {path for f in found for path in f.paths}
    single, new = kept[~kept["path"].isin(twice)], []
    if "near_copy" in audit.looked_for:
        new = near_copies(single, audit.scan.root, audit.label, large, audit.time)
    if audit.split is not None:  # a copy that is set aside leaks all the same
        table = audit.scan.table
        asked = table[table["path"].isin(twice.union(kept["path"]))]
        same = {f.rule: same_picture(asked, [f]) for f in (*found, *new)}
        same |= {group: components(asked, [group]) for group in large}
        new += leakage(asked, audit.split, same)
    return new


def _at_gaps(audit: Audit, seed: int) -> list[Finding]:
    others = [c for c in audit.scan.user_columns if c not in (audit.label, "path_user")]
    found = missing_values(audit.scan.table, others, audit.groups)
    if "not_at_random" not in audit.rules:
        return found
    listed = audit.kept[audit.kept["listed"]]
    others = [c for c in audit.scan.features if c != audit.label]
    return found + not_at_random(listed, others, listed[audit.scan.looked_at], audit.groups, seed)


def _at_the_label(audit: Audit, seed: int) -> list[Finding]:
    """Findings in the images that stay: a copy would count twice, a blank one for nothing."""
    if audit.label is None:
        return []
    table, kept = audit.scan.table, audit.kept
    if "unlisted" in audit.looked_for and audit.rules["unlisted"].action == "quarantined":
        table = table[table["listed"]]  # of the others it is said already
    found = missing_labels(table, audit.label)
    labels = class_names(kept[audit.label])
    if labels.nunique() < 2:
        return found
    found += class_imbalance(labels) + group_imbalance(labels, kept[audit.small_groups], seed)
    if "shortcut" not in audit.rules:
        return found
    varies = [c for c in ("width", "height") if kept[c].nunique() > 1]
    others = [c for c in audit.scan.features if c not in (audit.label, audit.split)]
    tied = components(kept, audit.large_groups)
    looked = [*audit.scan.looked_at, *varies]
    measured = Source.IMAGES if audit.scan.signals is None else Source.SIGNALS
    return found + shortcuts(labels, kept[others], kept[looked], tied, seed, measured)


def _at_drift(audit: Audit, seed: int) -> list[Finding]:
    if "drift" not in audit.rules:
        return []
    kept = audit.kept
    return drifts(kept, kept[audit.scan.looked_at], audit.small_groups, audit.time, seed)
