"""Runs by name, and what each says of itself, in short: from its summary alone."""

import json
from collections.abc import Sequence
from pathlib import Path

from natkit.core.errors import InputError
from natkit.evidence.summary import check
from natkit.evidence.verdict import DECIDES

MONEY = ("missed", "false_alarms", "cost")  # the lower the better


def read(runs: Sequence[str | Path]) -> dict[str, dict]:
    """Summaries by the name of their run, which is that of its folder (longer where two are alike).

    Parameters
    ----------
    runs
        Results folders of ``natkit poc`` or ``demo``, or their ``summary.json``.

    Raises
    ------
    InputError
        If a file is not there, is no summary of this version, or is given twice.
    """
    if isinstance(runs, str | Path):
        runs = [runs]
    files = [_file(Path(run).absolute()) for run in runs]
    twice = next((file for at, file in enumerate(files) if file in files[:at]), None)
    if twice:
        raise InputError(f"{twice} is given twice. Give each run once.")
    return {name: _summary(file) for name, file in zip(_names(files), files, strict=True)}


def _file(run: Path) -> Path:
    if not run.exists():
        raise InputError(f"There is no {run}. Give a results folder of natkit, or a summary.json.")
    file = run / "summary.json" if run.is_dir() else run
    if not file.exists():
        raise InputError(
            f"{run} holds no summary.json. Give a results folder of natkit poc or natkit demo that ran to its end."
        )
    return file.resolve()


def _summary(file: Path) -> dict:
    try:
        facts = json.loads(file.read_text(encoding="utf-8-sig"))
        check(facts)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{file} could not be read as a summary ({error}). Give the summary.json that natkit wrote."
        ) from error
    return facts


def _names(files: Sequence[Path]) -> list[str]:
    """The last folders of each path, as many as it takes to tell the runs apart."""
    tails = [file.parts[1:-1] if file.name == "summary.json" else file.parts[1:] for file in files]
    for length in range(1, max(map(len, tails), default=1) + 1):
        names = ["/".join(tail[-length:]) or "/" for tail in tails]
        if len(set(names)) == len(names):
            break
    return names


def told(facts: dict) -> dict:
    """What a run says of itself, in short."""
    shortened = {
        "data": _data, "training": _training, "evidence": _evidence, "map": _map, "cost": _cost,
        "verdict": _verdict,
    }  # fmt: skip
    told = {
        name: {"reason": facts[name]["reason"]} if "reason" in facts[name] else short(facts[name])
        for name, short in shortened.items()
    }
    return {"started": facts["provenance"].get("started"), **told}


def _data(data: dict) -> dict:
    rules: dict[str, set] = {"problem": set(), "warning": set(), "note": set()}
    for finding in data["findings"]:
        rules[finding["severity"]].add(finding["rule"])
    return {
        "name": data["name"],
        "hash": data["hash"],
        **{key: data["counts"][key] for key in ("listed", "kept", "quarantined", "mended")},
        "problems": len(rules["problem"]),
        "warnings": len(rules["warning"] - rules["problem"]),
    }


def _training(run: dict) -> dict:
    keys = ("backbone", "matching", "views", "images", "epochs", "seed", "device", "seconds")
    return {key: run[key] for key in keys}


def _evidence(evidence: dict) -> dict:
    scored = [row for row in evidence["groups"] if row["score"]]
    mine = next(row for row in _deciding(evidence) if row["role"] == "ours")
    keys = ("label", "metric", "classes", "chance", "n_test", "target")
    return {key: evidence[key] for key in keys} | {
        "scores": [{key: row[key] for key in ("name", "role", "score")} for row in _deciding(evidence)],
        "leads": [{"control": row["control"], "score": row["score"]} for row in _leads(evidence)],
        "worst": min(scored, key=lambda row: row["score"]["value"], default=None),
        "trainings": len(mine["trainings"]),
    }  # fmt: skip


def _map(section: dict) -> dict:
    return {
        "honesty": section["honesty"],
        "clusters": len(section["clusters"]),
        "method": section["method"],
    }


def _cost(cost: dict) -> dict:
    point, ways = cost["point"], cost["ways"]
    ours = {} if "reason" in ways else next(way for way in ways if way["way"] == "natkit")
    return {
        "prices": {key: cost["prices"][key] for key in ("currency", "made_up")},
        "missed": point.get("missed"),
        "false_alarms": point.get("false_alarms"),
        "cost": ours.get("cost"),
        **{part: cost[part] for part in ("project", "payback")},
    }


def _verdict(verdict: dict) -> dict:
    return {key: verdict[key] for key in ("decision", "ground", "comparison", "target")}


def numbers(facts: dict) -> dict[tuple[str, str], dict]:
    """What can be compared, by kind and name: the deciding probe's scores, leads, groups, errors, cost."""
    evidence, cost = facts["evidence"], facts["cost"]
    found = {
        (row["role"], "" if row["role"] == "ours" else row["name"]): row["score"]
        for row in _deciding(evidence)
    }
    found |= {("lead", row["control"]): row["score"] for row in _leads(evidence)}
    found |= {
        ("group", f"{row['column']} = {row['value'] or '–'}"): row["score"]
        for row in evidence["groups"]
        if row["score"]
    }
    money = {} if "reason" in cost else _cost(cost)
    return found | {(kind, ""): money[kind] for kind in MONEY if money.get(kind)}


def _deciding(evidence: dict) -> list[dict]:
    probes = (DECIDES, "head")
    return [s for s in evidence["scores"] if s["probe"] in probes and s["role"] != "floor"]


def _leads(evidence: dict) -> list[dict]:
    rows = evidence["differences"]
    return [row for row in rows if row["probe"] == DECIDES and row["role"] == "control"]
