"""Several data sets, or several runs, in one table."""

from collections.abc import Mapping

import pandas as pd

from natkit.core.errors import InputError
from natkit.evidence.proof import Evidence
from natkit.evidence.verdict import DECIDES, judge


def compare(proofs: Mapping[str, Evidence | dict]) -> pd.DataFrame:
    """One row a data set: ours, the best control, the paired difference with its interval, the verdict.

    Parameters
    ----------
    proofs
        By name what :func:`natkit.score` gave, or the evidence section of a summary.

    Returns
    -------
    pandas.DataFrame
        ``name, label, metric, n_test, ours, control, theirs, difference, low, high, comparison, decision, ground``;
        numbers are NaN where nothing was scored. No pooled score is given: a mean over data sets that differ
        in kind would say nothing of any of them.

    Raises
    ------
    InputError
        If there is nothing to compare.
    """
    if not proofs:
        raise InputError("compare() got no evidence. Pass {'line 1': proof, 'line 2': another}.")
    return pd.DataFrame([{"name": name, **_row(proof)} for name, proof in proofs.items()])


def _row(proof: Evidence | dict) -> dict:
    facts = proof.facts if isinstance(proof, Evidence) else proof
    verdict = judge(facts)
    told = {
        "label": facts.get("label"),
        "metric": facts.get("metric"),
        "n_test": facts.get("n_test"),
    }
    scored = {}
    if "scores" in facts:
        value = {
            row["name"]: row["score"]["value"] for row in facts["scores"] if row["probe"] == DECIDES
        }
        ours = next(row["name"] for row in facts["scores"] if row["role"] == "ours")
        gap = verdict["difference"]
        scored = {
            "ours": value[ours],
            "control": verdict["control"],
            "theirs": value[verdict["control"]],
            "difference": gap["value"],
            "low": gap["low"],
            "high": gap["high"],
        }
    return told | scored | {key: verdict[key] for key in ("comparison", "decision", "ground")}
