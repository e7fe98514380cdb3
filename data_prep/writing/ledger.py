"""The ledger: each finding and each decision about an image a row, and the decisions read back from it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd

import natkit
from data_prep.deciding.audited import Audit, Decision
from natkit.core.files import plain, unplain
from natkit.data.annotations import LEDGER, SAID


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
