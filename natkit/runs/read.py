"""Runs by name, and the numbers of each that can be compared: from its summary alone."""

import json
from collections.abc import Sequence
from pathlib import Path

from natkit.core.errors import InputError
from natkit.evidence.summary import check
from natkit.facts.base import absent
from natkit.facts.evidence import Role
from natkit.facts.numbers import Range
from natkit.facts.runs import Kind
from natkit.facts.summary import Summary


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


def numbers(facts: Summary) -> dict[tuple[Kind, str], Range]:
    """What can be compared, by kind and name: the deciding probe's scores, leads, groups, errors, cost."""
    evidence, cost = facts.evidence, facts.cost
    found = {
        (Kind(row.role), "" if row.role is Role.OURS else row.name): row.score
        for row in evidence.deciding
    }
    found |= {(Kind.LEAD, row.control): row.score for row in evidence.leads(evidence.decides)}
    scored = [row for row in evidence.groups if row.score]
    found |= {(Kind.GROUP, f"{row.column} = {row.value or '–'}"): row.score for row in scored}
    if absent(cost):
        return found
    if not absent(cost.point):
        found[Kind.MISSED, ""] = cost.point.missed
        found[Kind.FALSE_ALARMS, ""] = cost.point.false_alarms
    if not absent(cost.ways):
        found[Kind.COST, ""] = cost.ours
    return found
