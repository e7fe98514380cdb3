"""The summary: one plain dictionary, checked, that every report reads and nothing else."""

import json
import platform
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.data.manifest import Prepared, read
from natkit.evidence.proof import Evidence
from natkit.evidence.sections import SECTIONS, load_section
from natkit.evidence.verdict import judge

FORMAT, VERSION = "natkit-summary", 1
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "umap-learn", "pandas", "pillow")
NOT_RUN = {"reason": "not_run"}
LEDGER_ROWS = 5_000  # of the ledger that a summary carries; all stand in ledger.csv


def summarize(
    prepared: Prepared,
    training: dict | None = None,
    map: dict | None = None,
    proof: Evidence | None = None,
    planted: tuple[list[dict], dict] | None = None,
    provenance: dict | None = None,
    cost: dict | None = None,
    mended: list[dict] | None = None,
) -> dict:
    """Put all that is known into the one dictionary, decide the verdict, and check the whole.

    Parameters
    ----------
    prepared
        The prepared folder: counts, label, groups, findings.
    training, map, provenance
        Sections as plain dictionaries; what is absent becomes ``{"reason": "not_run"}``.
    proof
        What :func:`natkit.score` gave; without it the evidence section says why there is none.
    planted
        For demonstrations, what ``data_prep.samples.compare`` gave: a list (kind, planted, found,
        missed, looked_for) and ``{"clean", "flagged"}``.
    cost
        What :func:`natkit.money.cost.section` gave; without it the section says that there are no prices.
    mended
        What ``data_prep.mended_examples`` gave: pictures of mended images beside their originals.

    Returns
    -------
    dict
        JSON-able: ``format, version, data, training, map, evidence, cost, verdict, provenance``.

    Raises
    ------
    InputError
        If a section does not fit the schema, or holds NaN or infinity.
    """
    evidence = proof.section() if proof is not None else _why_unscored(prepared)
    data, shown = _data(prepared, planted, mended), map or NOT_RUN
    cost = cost or {"reason": "no_prices"}
    summary = _plain(
        {
            "format": FORMAT,
            "version": VERSION,
            "data": data,
            "training": training or NOT_RUN,
            "map": shown,
            "evidence": evidence,
            "cost": cost,
            "verdict": judge(evidence, data, shown, cost),
            "provenance": provenance or NOT_RUN,
        }
    )
    check(summary)
    return summary


def check(summary: dict) -> None:
    """Raise InputError unless ``summary`` fits ``summary.schema.json``, lists of equal length too."""
    fault = jsonschema.exceptions.best_match(_validator().iter_errors(summary))
    if fault is not None:
        where = "/".join(str(step) for step in fault.absolute_path) or "the top"
        raise InputError(
            f"This is not a summary of version {VERSION}: at {where}, {fault.message[:200]}. "
            "Build it with natkit.summarize(), or run the notebook again that wrote this section."
        )
    section = summary["map"]
    if "reason" in section:
        return
    lengths = {
        "points": len(section["points"]),
        "ids": len(section["ids"]),
        "colour/values": len(section["colour"]["values"]),
    }
    if section["colour"]["column"] is None:
        del lengths["colour/values"]
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"The map needs one entry a point in each of its lists, but their lengths are "
            f"{lengths}. Build the section with Map.section()."
        )


@cache
def _validator() -> jsonschema.Draft202012Validator:
    text = files("natkit.evidence").joinpath("summary.schema.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


def _why_unscored(prepared: Prepared) -> dict:
    return {"reason": "no_label"} if prepared.info["label"] is None else NOT_RUN


def _data(
    prepared: Prepared, planted: tuple[list[dict], dict] | None, mended: list[dict] | None
) -> dict:
    info = prepared.info
    kinds, false_alarms = planted or (None, None)
    return {
        "name": info.get("name") or prepared.root.name,
        "kind": "signals" if "signals" in info else "images",
        "licence": info.get("licence"),
        "hash": prepared.data_hash,
        "counts": info["counts"],
        "label": _label(prepared),
        "groups": info["groups"],
        "findings": info["findings"],
        "losses": info.get("losses", []),
        "mended": mended or [],
        "looked_for": info["rules"],
        "sentences": info["sentences"],
        "planted": kinds,
        "false_alarms": false_alarms,
        "ledger": _ledger(prepared.ledger),
    }


def _ledger(ledger: pd.DataFrame) -> dict:
    """The decisions, oldest first, as far as there is room; ``total`` counts all."""
    told = ledger[["time", "path", "rule", "evidence", "action", "by"]]
    return {"total": len(told), "rows": told.head(LEDGER_ROWS).to_dict("records")}


def _label(prepared: Prepared) -> dict | None:
    column = prepared.info["label"]
    if column is None:
        return None
    names = class_names(prepared.table[column])
    values, counts = np.unique(names.dropna().to_numpy(str), return_counts=True)
    return {"column": column, "counts": dict(zip(values, counts, strict=True))}


def _plain(value, where: str = ""):
    """The same content in the types that JSON has; NumPy's numbers and arrays become Python's."""
    if isinstance(value, dict):
        return {str(key): _plain(inner, f"{where}/{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, f"{where}/{row}") for row, inner in enumerate(value)]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist(), where)
    if isinstance(value, float) and not np.isfinite(value):
        raise InputError(
            f"A summary holds finite numbers alone, but {where[1:]} is {value}. "
            "Look at what made this section, or leave the section out."
        )
    return value


def collect(out: str | Path, seed: int = 0) -> dict:
    """The summary of a results folder: what the notebooks left in ``prepared/`` and ``sections/``.

    A notebook that has not run yet leaves its section absent, with the reason.

    Raises
    ------
    InputError
        If there is no prepared folder, or a section was changed by hand and no longer fits.
    """
    out = Path(out)
    prepared = read(out / "prepared")
    part = {name: load_section(out, name) for name in SECTIONS}
    return summarize(
        prepared,
        part["training"],
        part["map"],
        Evidence(part["evidence"]) if part["evidence"] else None,
        part["planted"],
        _provenance(out, prepared, part["training"], seed),
        part["cost"],
        part["mended"],
    )


def _provenance(out: Path, prepared: Prepared, training: dict | None, seed: int) -> dict:
    """What made these numbers; the command is known only if ``natkit demo`` or ``poc`` ran."""
    file = out / "run.json"
    run = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    licence = prepared.info.get("licence")
    return {
        "natkit": version("natkit"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: version(name) for name in PACKAGES},
        "data_hash": prepared.data_hash,
        "seed": seed,
        "device": training["device"] if training else None,
        "command": run.get("command"),
        "started": run.get("started"),
        "seconds": round(sum(run["finished"].values()), 1) if run else None,
        "licences": [licence] if licence else [],
    }
