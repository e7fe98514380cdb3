"""Carry out an audit: each decision a row of the ledger, each kept image a row of the manifest."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

import natkit
from data_prep.auditing import Audit
from data_prep.bias import balanced_weights
from data_prep.rules import RULES, class_text
from data_prep.scanning import SIZES
from data_prep.splits import assign_splits, components, role
from natkit.errors import InputError
from natkit.manifest import LEDGER, SPLITS, Prepared, write

EXAMPLES = 8  # paths named for each finding
CELL = 5  # images of a class in a group value, on average, from which weights balance the group


def prepare(audit: Audit, folder: str | Path, seed: int = 0) -> Prepared:
    """Write the prepared folder: manifest, ledger, splits, weights. The user's files stay.

    Train, val and test get 60, 20 and 20 % of the images, alike in label and small groups. A value
    of a group with 30 or more values (lot, part) never stands in two splits, nor do copies. Images
    without label go to train, unless their lot lies elsewhere.

    Parameters
    ----------
    folder
        Must not exist or be empty.
    seed
        For the splits.

    Raises
    ------
    InputError
        If no images are left, the folder holds something, or the groups can't be split.
    """
    kept = audit.kept
    if len(kept) < len(SPLITS):
        raise InputError(
            f"{len(kept)} of {len(audit.scan.table)} images are left after the audit, but train, "
            f"val and test need at least {len(SPLITS)}. See audit.table for what put the others "
            "aside."
        )
    roles = {group: role(kept[group]) for group in audit.groups}
    table = kept[["path", *SIZES, "pixel_hash", *audit.scan.user_columns]].copy()
    table.insert(0, "id", np.arange(len(table)))
    table.insert(2, "split", _splits(audit, kept, roles, seed))
    table.insert(3, "weight", _weights(audit, table, roles))
    counts = table["split"].value_counts()
    info = {
        "label": audit.label,
        "groups": [
            {"column": g, "role": r, "values": int(kept[g].nunique())} for g, r in roles.items()
        ],
        "rules": list(audit.rules),
        "counts": {
            "listed": len(audit.scan.table),
            "kept": len(table),
            "quarantined": len(audit.quarantined),
            **{split: int(counts.get(split, 0)) for split in SPLITS},
        },
        "seed": seed,
        "licence": _licence(audit.scan.root),
        "findings": findings(audit),
    }
    return write(folder, audit.scan.root, table, ledger(audit), info)


def findings(audit: Audit) -> list[dict]:
    """The findings as the summary shows them: JSON-able, with at most 8 example paths each."""
    return [
        {
            "rule": f.rule,
            "severity": f.severity,
            "action": f.action,
            "count": f.count,
            "share": round(f.count / len(audit.scan.table), 5),
            "evidence": f.evidence,
            "examples": list(f.paths[:EXAMPLES]),
        }
        for f in audit.findings
    ]


def ledger(audit: Audit) -> pd.DataFrame:
    """One row for each finding and image (path empty where the finding concerns the whole set).

    Cells that a spreadsheet would take for a formula get a leading apostrophe.
    """
    now, by = datetime.now(UTC).isoformat(timespec="seconds"), f"natkit {natkit.__version__}"
    rows = []
    for finding in audit.findings:
        finds = RULES[finding.rule].finds
        details = finding.details or (finding.evidence,) * max(1, len(finding.paths))
        for path, facts in zip(finding.paths or ("",), details, strict=True):
            text = json.dumps(facts, ensure_ascii=False)
            rows.append((now, path, finding.rule, finds, text, finding.action, by))
    frame = pd.DataFrame(rows, columns=list(LEDGER))
    return frame.astype(object).map(_plain)


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _splits(audit: Audit, kept: pd.DataFrame, roles: dict[str, str], seed: int) -> np.ndarray:
    together = [g for g, r in roles.items() if r == "kept together"]
    balanced = [g for g, r in roles.items() if r == "balanced"]
    first = [] if audit.label is None else [audit.label]
    strata = pd.DataFrame({c: class_text(kept[c]) for c in (*first, *balanced)}, index=kept.index)
    labelled = (
        np.ones(len(kept), bool) if audit.label is None else kept[audit.label].notna().to_numpy()
    )
    return assign_splits(components(kept, [*together, "pixel_hash"]), strata, labelled, seed)


def _weights(audit: Audit, table: pd.DataFrame, roles: dict[str, str]) -> np.ndarray:
    """Weights of the labelled train images; 1 for all others."""
    weights = np.ones(len(table))
    if audit.label is None:
        return weights
    rows = np.flatnonzero((table["split"] == "train") & table[audit.label].notna())
    if len(rows):
        part = table.iloc[rows]
        labels, classes = pd.factorize(class_text(part[audit.label]))
        room = len(part) / (CELL * len(classes))  # values that a group may have
        balanced = [g for g, r in roles.items() if r == "balanced" and part[g].nunique() <= room]
        groups = [pd.factorize(class_text(part[g]))[0] + 1 for g in balanced]
        weights[rows] = balanced_weights(labels, groups).round(6)
    return weights


def _licence(root: Path) -> str | None:
    """First line of the LICENCE.txt that came with the images, if one did."""
    file = root / "LICENCE.txt"
    return file.read_text(encoding="utf-8").partition("\n")[0][:500] if file.exists() else None
