"""Look a scan through by every rule, stage by stage, and rank what is found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from data_prep.deciding.audited import Audit
from data_prep.rules.columns import check_classes, check_columns, check_merged
from data_prep.rules.finders import Context, Stage, finders, needs_met
from data_prep.rules.losses import TAKES, held_back
from data_prep.rules.registry import RULES, SEVERITIES, SIGNAL_RULES, Finding
from data_prep.rules.suiting import in_doubt
from data_prep.rules.user_rules import read_rules, with_own
from data_prep.scanning.scan import Scan

# Before copies are looked for, so that they are looked for in what stays; and of the exact copies.
WEIGHED_AFTER = (Stage.OWN, Stage.EXACT_COPIES)


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
    judged_by = with_own(own, where, RULES if scan.signals is None else SIGNAL_RULES)
    if label is not None:
        check_classes(scan.table[label], scan.remarks)
    check_merged(scan.remarks, groups)
    scan = scan.with_text(c for c in (label, *groups) if c is not None)
    so_far = Audit(scan, label, groups, (), judged_by, time, split, own)
    weighed = 0  # findings of which it is known whether they would take a class
    for stage in Stage:
        so_far = _looked(so_far, stage, seed)
        if stage in WEIGHED_AFTER:
            so_far = _held_back(so_far, weighed)
            weighed = len(so_far.findings)
    return replace(so_far, findings=tuple(sorted(so_far.findings, key=_rank)))


def _looked(audit: Audit, stage: Stage, seed: int) -> Audit:
    """The audit with what the rules of a stage find, one after another, and the actions of the rules."""
    kept = audit.kept
    met = needs_met(audit.scan, audit.label, audit.groups, audit.split)
    for finder in finders(stage):
        looked_for = not finder.codes or audit.rules.keys() & set(finder.codes)
        if looked_for and finder.applies(audit.scan.kind, met):
            new = finder.find(_context(audit, kept, seed))
            audit = replace(audit, findings=(*audit.findings, *_with_actions(new, audit)))
    return audit


def _context(audit: Audit, kept: pd.DataFrame, seed: int) -> Context:
    return Context(
        scan=audit.scan,
        kept=kept,
        label=audit.label,
        groups=audit.groups,
        small_groups=audit.small_groups,
        large_groups=audit.large_groups,
        time=audit.time,
        split=audit.split,
        rules=audit.rules,
        findings=audit.findings,
        seed=seed,
    )


def _with_actions(new: Sequence[Finding], audit: Audit) -> list[Finding]:
    """Findings of the rules that are on, with their actions; those about damage only where the rule suits."""
    found = [f for f in new if f.rule in audit.rules]
    found = [replace(f, action=audit.rules[f.rule].action) for f in found]
    if audit.scan.signals is not None:
        return found
    readable = audit.scan.table[audit.scan.table["status"] == "ok"]
    return in_doubt(found, readable, audit.small_groups, audit.scan.root)


def _held_back(audit: Audit, start: int) -> Audit:
    """The audit in which no finding from ``start`` on takes a class or group by itself."""
    old, new = audit.findings[:start], audit.findings[start:]
    new = held_back(new, audit.scan.table, audit.label, audit.small_groups, audit.rules)
    return replace(audit, findings=(*old, *new))


def _rank(finding: Finding) -> tuple[bool, int, int]:
    """What cleaning itself would spoil first, then by severity and number."""
    return finding.rule != TAKES, SEVERITIES.index(finding.severity), -finding.count
