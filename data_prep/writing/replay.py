"""New data audited as a prepared folder was, with what people decided and which labels they gave."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from data_prep.deciding.audit import audit
from data_prep.deciding.audited import Audit
from data_prep.scanning.scan import Scan
from data_prep.writing.ledger import decisions
from natkit.data.annotations import SAID, applied, current
from natkit.data.manifest import Prepared, read


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
    given = current(prepared.ledger).query("rule == 'label'")
    label = prepared.info["label"]
    if not len(given):
        return scan
    table = scan.table
    if label == SAID["label"][1] and label not in table.columns:
        table = table.assign(**{label: pd.Series(None, table.index, object)})
    return replace(scan, table=applied(table, given, label))
