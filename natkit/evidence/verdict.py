"""A verdict never claims a win inside the interval."""

from collections.abc import Sequence

DECIDES = "linear"
# images of the rarest class; with fewer, nothing is decided
NEED = {"train": 5, "val": 1, "test": 10}
# code → the numbers and names it carries; natkit.show.words has a sentence for each
REASONS = {
    "ahead_of_all": ("controls", "n"),  # every difference lies above 0
    "inside_interval": ("control", "value", "low", "high", "n"),  # 0 lies in the interval
    "behind_control": ("control", "value", "low", "high", "n"),
    "knn_disagrees": ("control", "value", "low", "high", "n"),  # neighbours decide otherwise
    "too_few": ("class", "train", "val", "test", "need_train", "need_val", "need_test"),
    "classes_left_out": ("classes", "count"),  # too rare to learn; not part of the scores
    "shortcut_found": ("source", "column", "value", "low", "high", "n"),  # label without the image
    "copies_removed": ("count",),  # so no copy of a test image was learnt from
    "one_seed": (),  # the interval covers the choice of test images, not a second training
    "no_target": (),  # nobody said beforehand which score would be good enough
    "no_label": (),
    "not_run": (),
}


def judge(evidence: dict, findings: Sequence[dict] = ()) -> dict:
    """Decide whether ours is ahead of the controls, from the evidence section of the summary.

    The linear probe decides, and this was fixed beforehand; nearest neighbours are reported.
    "ahead" needs the lower bound of the paired difference above 0 against every control
    (an intersection–union test, so picking the best control costs nothing); "behind" an upper bound
    below 0 against some control; all else is "undecided".

    Parameters
    ----------
    evidence
        What ``Evidence.section()`` gives, or ``{"reason": …}``.
    findings
        ``findings`` of ``prepared.json``: shortcuts and removed copies stand beside the decision.

    Returns
    -------
    dict
        ``decision``, ``probe``, ``control`` (the one that decided, or None), ``difference`` to it
        (an interval or None) and ``reasons``: a list of ``{"code", …}``, see ``REASONS``.

    References
    ----------
    Berger, "Multiparameter hypothesis testing and acceptance sampling" (1982): intersection–union.
    """
    if "reason" in evidence:
        return _unscored(evidence)
    decision, ruling = _decide(evidence["differences"], DECIDES)
    reasons = [{"code": "ahead_of_all", "controls": len(ruling), "n": ruling[0]["auroc"]["n"]}]
    if decision != "ahead":
        code = "behind_control" if decision == "behind" else "inside_interval"
        reasons = [_difference(code, row) for row in ruling]
    neighbours, rows = _decide(evidence["differences"], "knn")
    if neighbours != decision:
        reasons.append(_difference("knn_disagrees", rows[0]))
    if evidence["left_out"]:
        names = ", ".join(evidence["left_out"])
        reasons.append(
            {"code": "classes_left_out", "classes": names, "count": len(evidence["left_out"])}
        )
    reasons += _from_findings(findings) + [{"code": "one_seed"}, {"code": "no_target"}]
    return _verdict(decision, reasons, ruling[0]["control"], ruling[0]["auroc"])


def _decide(differences: Sequence[dict], probe: str) -> tuple[str, list[dict]]:
    """The decision of one probe and the controls that made it, hardest to beat first."""
    rows = sorted(
        (d for d in differences if d["probe"] == probe), key=lambda d: d["auroc"]["value"]
    )
    behind = [d for d in rows if d["auroc"]["high"] < 0]
    if behind:
        return "behind", behind
    unclear = [d for d in rows if not d["auroc"]["low"] > 0]
    return ("undecided", unclear) if unclear else ("ahead", rows)


def _difference(code: str, row: dict) -> dict:
    return {"code": code, "control": row["control"], **row["auroc"]}


def _from_findings(findings: Sequence[dict]) -> list[dict]:
    reasons = []
    for finding in findings:
        seen = finding["evidence"]
        if finding["rule"] == "shortcut":
            names = {"source": seen.get("source"), "column": seen.get("column")}
            reasons.append({"code": "shortcut_found", **names, **seen["auc"]})
        if finding["rule"] == "exact_copy" and finding["action"] == "quarantined":
            reasons.append({"code": "copies_removed", "count": finding["count"]})
    return reasons


def _unscored(evidence: dict) -> dict:
    if evidence["reason"] != "too_few":
        return _verdict("unscored", [{"code": evidence["reason"]}])
    need = {f"need_{split}": least for split, least in NEED.items()}
    short = [
        {"code": "too_few", **row, **need}
        for row in evidence["counts"]
        if any(row[split] < least for split, least in NEED.items())
    ]
    return _verdict("too_few", short)


def _verdict(decision: str, reasons: list, control: str | None = None, by=None) -> dict:
    return {
        "decision": decision,
        "probe": DECIDES,
        "control": control,
        "difference": by,
        "reasons": reasons,
    }
