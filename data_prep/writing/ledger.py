"""Carry out an audit: each decision a row of the ledger, each kept image a row of the manifest."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

import natkit
from data_prep.deciding.audit import Audit, Decision, audit
from data_prep.repair.mending import mend, save
from data_prep.repair.remedies import balance
from data_prep.repair.splits import assign_splits, components, role
from data_prep.rules.duplicates import same_picture
from data_prep.rules.losses import share
from data_prep.rules.registry import LANGUAGES, Finding
from data_prep.scanning.scan import SIZES, Scan, measure
from data_prep.writing.signals import writer
from natkit.core.errors import InputError
from natkit.core.files import plain, unplain
from natkit.core.labels import class_names
from natkit.core.progress import progress
from natkit.data.annotations import LEDGER, SAID, applied, current
from natkit.data.decoding import in_channels, read_image
from natkit.data.manifest import SPLITS, Prepared, read, write

MENDED = ("width", "height", "bits", "pixel_hash")  # what a mend can change
EXAMPLES = 8  # paths named for each finding
CELL = 5  # images of a class in a group value, on average, from which weights balance the group


def prepare(audit: Audit, folder: str | Path, seed: int = 0, own_split: bool = False) -> Prepared:
    """Write the prepared folder: manifest, ledger, splits, weights, mended images. The user's files stay.

    Train, val and test get 60, 20 and 20 % of the images, alike in label and small groups. A value
    of a group with 30 or more values (lot, part) never stands in two splits, nor do copies, exact
    or near. Images without label go to train, unless their lot lies elsewhere. A mended image is
    written into ``images/`` of the folder, without loss. Signals are written into it, filled and whole.

    Parameters
    ----------
    folder
        Must not exist or be empty.
    seed
        For the splits.
    own_split
        Keep the split of the audit's own column ``split``, such as the official one of a public set: train, val or test
        for each image, as it stands there. The audit's finding "leakage" tells what it separates.

    Raises
    ------
    InputError
        If no images are left, the folder holds something, the groups can't be split, or the user's own split lacks
        a part or an image.
    """
    kept = audit.kept
    if len(kept) < len(SPLITS):
        raise InputError(
            f"{len(kept)} of {len(audit.scan.table)} {audit.scan.kind} are left after the audit, but train, "
            f"val and test need at least {len(SPLITS)}. See audit.table for what put the others "
            "aside."
        )
    roles = {group: role(kept[group]) for group in audit.groups}
    table = kept[["path", *SIZES, "pixel_hash", *audit.scan.user_columns]].copy()
    table.insert(0, "id", np.arange(len(table)))
    split = _own_split(audit, kept) if own_split else _splits(audit, kept, roles, seed)
    table.insert(2, "split", split)
    table.insert(3, "weight", _weights(audit, table, roles))
    counts = table["split"].value_counts()
    mends = _mends(audit, set(kept["path"]))
    info = {
        "label": audit.label,
        "groups": [
            {"column": g, "role": r, "values": class_names(kept[g]).nunique()}
            for g, r in roles.items()
        ],
        "rules": list(audit.looked_for),
        "sentences": sentences(audit),
        "audit": {"time": audit.time, "split": audit.split, "rules": audit.own},
        "own_split": own_split,
        "counts": {
            "listed": len(audit.scan.table),
            "kept": len(table),
            "quarantined": len(audit.quarantined),
            "mended": len(mends),
            **{split: int(counts.get(split, 0)) for split in SPLITS},
        },
        "seed": seed,
        "licence": audit.scan.licence,
        "findings": findings(audit),
        "decimals": audit.scan.decimals,
        "losses": losses(audit),
    }

    def images(part: Path) -> None:
        """Write the mended images, and what they now are into the manifest."""
        rows = table.set_index("path").index
        for path, steps in progress(mends.items(), "mend images", len(mends)):
            row = table.index[rows.get_loc(path)]
            pixels = in_channels(read_image(audit.scan.root / path), table.loc[row, "channels"])
            for how, facts in steps:
                pixels = mend(pixels, how, facts)
            file = save(part / "images" / path, pixels)
            facts = measure(file.parent, file.name)
            table.loc[row, [*MENDED]] = [facts[c] for c in MENDED]

    if audit.scan.signals is None:
        return write(folder, audit.scan.root, table, ledger(audit), info, images)
    info |= {"name": audit.scan.root.name, "signals": [len(table), *audit.scan.signals.shape[1:]]}
    signals = writer(audit.scan, table, mends, audit.rules)
    return write(folder, folder, table, ledger(audit), info, signals)


def replay(prepared: Prepared | str | Path, scan: Scan, seed: int = 0) -> Audit:
    """Audit new data as a prepared folder was audited: the same columns and rules, and again what
    people decided, and which labels and tags they gave, about the images that are as they were.

    Parameters
    ----------
    prepared
        The earlier prepared folder; its ledger holds the decisions.
    scan
        The new data. A decision counts for a path whose pixels have not changed and, unless it
        quarantines, that the same rule finds again.

    Raises
    ------
    InputError
        If the new table lacks a column that was named.
    """
    prepared = prepared if isinstance(prepared, Prepared) else read(prepared)
    info = prepared.info
    groups = [g["column"] for g in info["groups"]]
    how = info["audit"]
    scan = _labelled(scan, prepared)
    again = audit(
        scan, info["label"], groups, how["time"], how["split"], how["rules"] or None, seed
    )
    hashes = dict(zip(scan.table["path"], scan.table["pixel_hash"], strict=True))
    found = {(path, f.rule) for f in again.findings for path in f.paths}
    same = [
        decision
        for decision, pixels in decisions(prepared.ledger)
        if hashes.get(decision.path) == pixels
        and (
            (decision.path, decision.rule) in found
            or decision.action == "quarantined"
            or decision.rule in SAID
        )
    ]
    return again.with_decisions(same)


def _labelled(scan: Scan, prepared: Prepared) -> Scan:
    """The scan with the labels that people gave in the earlier prepared folder."""
    said = current(prepared.ledger).query("rule == 'label'")
    label = prepared.info["label"]
    if not len(said):
        return scan
    table = scan.table
    if label == SAID["label"][1] and label not in table.columns:
        table = table.assign(**{label: pd.Series(None, table.index, object)})
    return replace(scan, table=applied(table, said, label))


def decisions(ledger: pd.DataFrame) -> Iterator[tuple[Decision, str]]:
    """What people decided, from the rows of a ledger, with the pixel hash of the image then."""
    for row in ledger.itertuples(index=False):
        evidence = json.loads(row.evidence)
        if "decided" in evidence:
            path, by = unplain(row.path), unplain(row.by)
            action = evidence["decided"]
            yield (
                Decision(path, row.rule, action, by, evidence["note"], row.time),
                evidence["pixels"],
            )


def sentences(audit: Audit) -> dict[str, dict[str, str]]:
    """What the rules say, by language and key, as the report wants it: ``rule.dark.name`` …"""
    return {
        lang: {
            f"rule.{code}.{part}": text
            for code in audit.looked_for
            for part in ("name", "why", "detail")
            if (text := getattr(audit.rules[code], part).get(lang))
        }
        for lang in LANGUAGES
    }


def findings(audit: Audit) -> list[dict]:
    """The findings as the summary shows them: JSON-able, with at most 8 example paths each."""
    return [
        {
            "rule": f.rule,
            "severity": f.severity,
            "action": f.action,
            "count": f.count,
            "share": min(1.0, round(f.count / len(audit.scan.table), 5)),
            "evidence": f.evidence,
            "examples": list(f.paths[:EXAMPLES]),
        }
        for f in audit.findings
    ]


def losses(audit: Audit) -> list[dict]:
    """What cleaning takes from each class and group, as the summary shows it."""
    counts = {"images": "n", "set aside": "aside", "mended": "mended", "held back": "held"}
    return [
        {"column": row["column"], "value": row["value"]}
        | {key: row[name] for name, key in counts.items()}
        | {"share": share(row["set aside"], row["images"])}
        for row in audit.losses.to_dict("records")
    ]


def ledger(audit: Audit) -> pd.DataFrame:
    """One row for each finding and image (path empty where the finding concerns the whole set), then
    one for each decision of a person.

    Cells that a spreadsheet would take for a formula get a leading apostrophe.
    """
    now, by = datetime.now(UTC).isoformat(timespec="seconds"), f"natkit {natkit.__version__}"
    rows = []
    for finding in audit.findings:
        finds = audit.rules[finding.rule].finds["en"]
        details = finding.details or (finding.evidence,) * max(1, len(finding.paths))
        for path, facts in zip(finding.paths or ("",), details, strict=True):
            text = json.dumps(facts, ensure_ascii=False)
            rows.append((now, path, finding.rule, finds, text, finding.action, by))
    hashes = dict(zip(audit.scan.table["path"], audit.scan.table["pixel_hash"], strict=True))
    for d in audit.decisions:
        facts = {"decided": d.action, "note": d.note, "pixels": hashes[d.path]}
        text = json.dumps(facts, ensure_ascii=False)
        finds = SAID[d.rule][0] if d.rule in SAID else audit.rules[d.rule].finds["en"]
        rows.append((d.time, d.path, d.rule, finds, text, d.action, d.by or "unnamed"))
    frame = pd.DataFrame(rows, columns=list(LEDGER))
    return frame.astype(object).map(plain)


def _mends(audit: Audit, kept: set[str]) -> dict[str, list[tuple[str, dict]]]:
    """Each kept path that something is to be done to, with the steps (how, facts) in order."""
    steps: dict[str, list] = {}
    for finding in audit.findings:
        rule = audit.rules[finding.rule]
        for path in _mended(audit, finding) if rule.mend else ():
            facts = {"ratio": finding.evidence["ratio"]["value"]} if rule.mend == "gain" else {}
            mine = steps.setdefault(path, [])
            if (rule.mend, facts) not in mine:
                mine.append((rule.mend, facts))
    return {path: steps[path] for path in sorted(kept & set(steps))}


def _mended(audit: Audit, finding: Finding) -> list[str]:
    if finding.paths:
        return [
            p for p, a in zip(finding.paths, audit.actions(finding), strict=True) if a == "mended"
        ]
    if finding.action != "mended":
        return []
    table, facts = audit.scan.table, finding.evidence  # a whole camera
    return list(table.loc[class_names(table[facts["column"]]) == facts["value"], "path"])


def _splits(audit: Audit, kept: pd.DataFrame, roles: dict[str, str], seed: int) -> np.ndarray:
    together = [g for g, r in roles.items() if r == "kept together"]
    balanced = [g for g, r in roles.items() if r == "balanced"]
    first = [] if audit.label is None else [audit.label]
    strata = pd.DataFrame({c: class_names(kept[c]) for c in (*first, *balanced)}, index=kept.index)
    labelled = (
        np.ones(len(kept), bool)
        if audit.label is None
        else class_names(kept[audit.label]).notna().to_numpy()
    )
    tied = kept.assign(same=same_picture(kept, audit.findings))
    return assign_splits(
        components(tied, [*together, "pixel_hash", "same"]), strata, labelled, seed
    )


def _own_split(audit: Audit, kept: pd.DataFrame) -> np.ndarray:
    if audit.split is None:
        raise InputError(
            "own_split needs a column with train, val and test, but the audit was told of none. "
            "Name it: audit(…, split=column)."
        )
    split = kept[audit.split].astype(object).where(kept[audit.split].notna(), "nothing")
    odd, lack = sorted(set(split) - set(SPLITS), key=str), sorted(set(SPLITS) - set(split))
    if odd or lack:
        path = kept.loc[split.isin(odd), "path"].iloc[0] if odd else None
        raise InputError(
            f"Each image's own split is {', '.join(SPLITS)}, and each has some, but {audit.split!r} "
            f"{f'says {odd[0]!r} of {path}' if odd else f'has no {lack[0]}'}. Fill the column, or leave "
            "own_split out."
        )
    return split.to_numpy(str)


def _weights(audit: Audit, table: pd.DataFrame, roles: dict[str, str]) -> np.ndarray:
    """Weights of the labelled train images; 1 for all others."""
    weights = np.ones(len(table))
    if audit.label is None:
        return weights
    rows = np.flatnonzero((table["split"] == "train") & class_names(table[audit.label]).notna())
    if len(rows):
        part = table.iloc[rows]
        room = len(part) / (CELL * class_names(part[audit.label]).nunique())  # values of a group
        groups = [
            g
            for g, r in roles.items()
            if r == "balanced" and class_names(part[g]).nunique() <= room
        ]
        weights[rows] = balance(part, audit.label, groups).weights.round(6)
    return weights
