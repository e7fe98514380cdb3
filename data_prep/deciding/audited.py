"""What an audit found, and what people decided about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pandas as pd

from data_prep.rules.finders import finders, needs_met
from data_prep.rules.groups import with_role
from data_prep.rules.losses import by_value
from data_prep.rules.registry import RULES, SEVERITIES, Finding, Rule
from data_prep.scanning.scan import Scan
from natkit.core import html
from natkit.core.errors import InputError
from natkit.core.labels import class_names

DECISIONS = ("kept", "quarantined", "mended")
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
        met = needs_met(self.scan, self.label, self.groups, self.split)
        applied = [f for f in finders() if f.applies(self.scan.kind, met)]
        codes = {code for finder in applied for code in finder.codes}
        return tuple(code for code, rule in self.rules.items() if code in codes or rule.own)

    @property
    def small_groups(self) -> list[str]:
        """Groups of few values (camera, shift): what an image is judged within."""
        return with_role(self.scan.table, self.groups, "balanced")

    @property
    def large_groups(self) -> list[str]:
        """Groups of many values (lot, part): what is never split."""
        return with_role(self.scan.table, self.groups, "kept together")

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
        rules = [self.rules[f.rule] for f in self.findings]
        columns = {
            "rule": [f.rule for f in self.findings],
            "column": [f.column for f in self.findings],
            self.scan.kind: [f.count for f in self.findings],
            "severity": [f.severity for f in self.findings],
            "action": [f.action for f in self.findings],
            "name": [rule.name[lang] for rule in rules],
            "finds": [rule.finds[lang] for rule in rules],
            "why": [rule.why[lang] for rule in rules],
            "example": [f.paths[0] if f.paths else "" for f in self.findings],
        }
        return pd.DataFrame(columns)

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
