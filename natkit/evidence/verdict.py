"""Go, no-go, or not enough evidence: a written rule whose error rates are measured (tests/benchmarks/verdict.py).

**Go** only if all of these hold:

1. the lower bound of the paired difference, ours minus control, is above 0 against every control
   (an intersection–union test, so picking the best control costs nothing);
2. the same holds within each group that goes with the label, and without test images that look like
   copies of train images: what a shortcut or a leak could not have done;
3. no unit (part, lot) stands in two splits, and no statistic of the images or signals alone reads the label as well
   as ours;
4. the user's own target, agreed beforehand, is met: the lower bound of the score reaches it, or the
   upper bound of the cost stays below it;
5. no group is known to be below that target.

**No-go** if some control is ahead of ours by its whole interval, or the target lies beyond the interval.
All else is **not enough evidence**, with what would settle it. The linear probe decides; that was fixed
beforehand. The map and nearest neighbours are reported and decide nothing.

Reference: Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24 (1982).
"""

from collections.abc import Sequence

from natkit.core.shortcuts import Source
from natkit.evidence.intervals import settled_by
from natkit.evidence.reasons import BLOCKS, MUCH

DECIDES = "linear"


def judge(
    evidence: dict, data: dict | None = None, map: dict | None = None, cost: dict | None = None
) -> dict:
    """Decide by the rule above, from sections of the summary.

    Parameters
    ----------
    evidence
        What ``Evidence.section()`` gives, or ``{"reason": …}``. Its ``target`` is the score agreed beforehand.
    data
        The data section: its findings (shortcuts, copies) and counts are weighed.
    map
        The map section: flagged honesty is told beside the decision.
    cost
        The cost section; a target in money (``Line.allowed_cost``) takes the place of a target score.

    Returns
    -------
    dict
        ``decision`` ("go", "no_go", "not_enough"), ``ground`` (why, in one word: a key of the report's titles),
        ``comparison`` ("ahead", "behind", "undecided" or None), ``probe``, ``control`` (the one that decided, or
        None), ``difference`` to it (an interval or None), ``target`` and ``reasons``: a list of
        ``{"code", …}``, see ``REASONS``; those that decided come first.
    """
    if "reason" in evidence:
        return _unscored(evidence)
    controls = [d for d in evidence["differences"] if d["role"] == "control"]
    comparison, ruling = _compare(controls, DECIDES)
    code = {"ahead": "ahead_of_all", "behind": "behind_control", "undecided": "inside_interval"}
    reasons = [_difference(code[comparison], row) for row in ruling]
    if comparison == "ahead":
        n = ruling[0]["score"]["n"]
        reasons = [{"code": "ahead_of_all", "controls": len(ruling), "n": n}]
    if comparison == "undecided":
        reasons += _settle("would_settle", ruling[0]["score"], ruling[0]["score"]["value"])
    mine = _ours(evidence)
    checks = _checks(evidence, mine, (data or {}).get("findings", ()))
    if comparison != "ahead":  # where there is no lead, it need not hold elsewhere
        checks = [row for row in checks if "control" not in row]
    target, state, aims = _aim(evidence, mine, cost)
    groups = _worst(evidence, target)
    decision, ground = _rule(comparison, checks, state, groups)
    reasons += checks + aims + groups
    reasons += _beside(evidence, comparison, mine, data or {}, map or {})
    return _verdict(decision, ground, reasons, comparison, ruling[0], target)


def _rule(comparison: str, checks: list, state: str, groups: list) -> tuple[str, str]:
    codes = [row["code"] for row in checks]
    if comparison == "behind":
        return "no_go", "behind"
    if state == "missed":
        return "no_go", "below_target"
    if comparison == "undecided":
        return "not_enough", "undecided"
    if any(code in BLOCKS for code in codes):
        leak = {"not_without_twins", "only_twins", "units_cross"} & set(codes)
        return "not_enough", "leak" if leak else "shortcut"
    if state == "none":
        return "not_enough", "no_target"
    if state == "open":
        return "not_enough", "target_open"
    if any(row["code"] == "group_below" for row in groups):
        return "not_enough", "group_below"
    return "go", "met"


def _compare(differences: Sequence[dict], probe: str) -> tuple[str, list[dict]]:
    """What one probe says, and the controls that made it say so, hardest to beat first."""
    rows = sorted(
        (d for d in differences if d["probe"] == probe), key=lambda d: d["score"]["value"]
    )
    behind = [d for d in rows if d["score"]["high"] < 0]
    if behind:
        return "behind", behind
    unclear = [d for d in rows if not d["score"]["low"] > 0]
    return ("undecided", unclear) if unclear else ("ahead", rows)


def _difference(code: str, row: dict, **more) -> dict:
    return {"code": code, **more, "control": row["control"], **row["score"]}


def _ours(evidence: dict, probe: str = DECIDES) -> dict:
    rows = (row for row in evidence["scores"] if row["role"] == "ours")
    return next(row for row in rows if row["probe"] == probe)


def _settle(code: str, gap: dict, distance: float) -> list[dict]:
    n = settled_by(gap, distance)
    return [] if n is None else [{"code": code, "n": max(n, gap["n"] + 1), "power": 0.8}]


def _checks(evidence: dict, mine: dict, findings: Sequence[dict]) -> list[dict]:
    """What a leak or a shortcut could have done, and what was seen of either."""
    rows = []
    for key in dict.fromkeys((row["check"], row["column"]) for row in evidence["checks"]):
        held = [r for r in evidence["checks"] if (r["check"], r["column"]) == key]
        within = key[0] == "within"
        count = evidence["twins"]["count"]
        if any(row["score"] is None for row in held):
            empty = {"code": "only_twins", "count": count, "n": evidence["n_test"]}
            rows.append({"code": "confounded", "column": key[1]} if within else empty)
            continue
        worst = min(held, key=lambda row: row["score"]["low"])
        ok = worst["score"]["low"] > 0
        if within:
            rows.append(_difference("within" if ok else "not_within", worst, column=key[1]))
        elif ok:
            rows.append(_difference("without_twins", worst, count=count))
        else:
            rows.append(_difference("not_without_twins", worst))
    units = evidence["units"]
    if units and units["crossing"]:
        rows.append({"code": "units_cross", "column": units["column"], "count": units["crossing"]})
    for finding in findings:
        seen = finding["evidence"]
        alone = finding["rule"] == "shortcut" and Source(seen["source"]).measured
        if alone and evidence["metric"] == "auroc" and seen["auc"]["high"] >= mine["score"]["low"]:
            names = {"source": seen["source"], "column": seen.get("column")}
            rows.append({"code": "statistics_do", **names, **seen["auc"]})
    return sorted(rows, key=lambda row: row["code"] not in BLOCKS)


def _aim(evidence: dict, mine: dict, cost: dict | None) -> tuple[dict | None, str, list[dict]]:
    """The target, how it stands ("none", "met", "open", "missed"), and the reasons."""
    allowed = (cost or {}).get("line", {}).get("allowed_cost")
    if allowed is not None and isinstance(cost["ways"], list):
        by = next(row["cost"] for row in cost["ways"] if row["way"] == "natkit")
        state = "met" if by["high"] <= allowed else "missed" if by["low"] > allowed else "open"
        money = {"target": allowed, "currency": cost["prices"]["currency"], **by}
        return {"kind": "cost", "value": allowed}, state, [{"code": f"cost_{state}", **money}]
    by, wanted = mine["score"], evidence["target"]
    if wanted is None:
        return None, "none", [{"code": "no_target"}, {"code": "could_meet", "low": by["low"]}]
    state = "met" if by["low"] >= wanted else "missed" if by["high"] < wanted else "open"
    rows = [{"code": f"target_{state}", "target": wanted, **by}]
    if state == "open":
        rows += _settle("would_meet", by, by["value"] - wanted)
    return {"kind": "score", "value": wanted}, state, rows


def _worst(evidence: dict, target: dict | None) -> list[dict]:
    told = [row for row in evidence["groups"] if row["score"] is not None]
    wanted = target["value"] if target and target["kind"] == "score" else None
    rows = []
    for row in told[:1]:
        low = wanted is not None and row["score"]["high"] < wanted
        by = {key: row["score"][key] for key in ("low", "high", "n")}
        named = {
            "column": row["column"],
            "value": row["value"],
            "score": row["score"]["value"],
            **by,
        }
        rows.append(
            {"code": "group_below", **named, "target": wanted}
            if low
            else {"code": "worst_group", **named}
        )
    return rows


def _beside(evidence: dict, comparison: str, mine: dict, data: dict, map: dict) -> list[dict]:
    """What is told beside the decision and does not change it."""
    reasons = []
    controls = [d for d in evidence["differences"] if d["role"] == "control"]
    neighbours, rows = _compare(controls, "knn")
    if neighbours != comparison:
        reasons.append(_difference("knn_disagrees", rows[0]))
    for row in evidence["differences"]:
        if row["role"] == "reference" and row["score"]["high"] < 0:
            reasons.append(_difference("labels_do_better", row))
    if evidence["left_out"]:
        names = ", ".join(evidence["left_out"])
        reasons.append(
            {"code": "classes_left_out", "classes": names, "count": len(evidence["left_out"])}
        )
    reasons += _of_data(data)
    flagged = [row["measure"] for row in map.get("honesty", ()) if row["flagged"]]
    if flagged:
        reasons.append({"code": "map_flagged", "measures": ", ".join(flagged)})
    runs = mine["trainings"]
    if len(runs) == 1:
        return [*reasons, {"code": "one_training"}]
    return [*reasons, {"code": "trainings", "n": len(runs), "low": min(runs), "high": max(runs)}]


def _of_data(data: dict) -> list[dict]:
    reasons = []
    for finding in data.get("findings", ()):
        seen = finding["evidence"]
        if finding["rule"] == "shortcut":
            names = {"source": seen.get("source"), "column": seen.get("column")}
            reasons.append({"code": "shortcut_found", **names, **seen["auc"]})
        if finding["rule"] == "exact_copy" and finding["action"] == "quarantined":
            reasons.append({"code": "copies_removed", "count": finding["count"]})
    counts = data.get("counts", {})
    if counts and counts["quarantined"] > MUCH * counts["listed"]:
        aside = {"count": counts["quarantined"], "listed": counts["listed"]}
        reasons.append({"code": "much_set_aside", **aside})
    return reasons


def _unscored(evidence: dict) -> dict:
    if evidence["reason"] != "too_few":
        return _verdict("not_enough", "unscored", [{"code": evidence["reason"]}])
    need = {f"need_{split}": least for split, least in evidence["need"].items()}
    short = [
        {"code": "too_few", **row, **need}
        for row in evidence["counts"]
        if any(row[split] < least for split, least in evidence["need"].items())
    ]
    return _verdict("not_enough", "too_few", short[:5] or [{"code": "not_run"}])


def _verdict(decision, ground, reasons, comparison=None, by=None, target=None) -> dict:
    return {
        "decision": decision,
        "ground": ground,
        "comparison": comparison,
        "probe": DECIDES,
        "control": by["control"] if by else None,
        "difference": by["score"] if by else None,
        "target": target,
        "reasons": reasons,
    }
