"""What natkit.score found: all numbers, what the probes read, and how both look in a notebook."""

from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from natkit.core import html
from natkit.core.errors import InputError
from natkit.evidence.probe import OWN
from natkit.evidence.verdict import DECIDES, judge

PARTS = ("curve", "robustness", "held_out")
ENDS = ("value", "low", "high")


@dataclass(frozen=True)
class Evidence:
    """Scores of an embedding and its controls on the same test images, all in ``facts``.

    ``read`` holds by (name, probe) what the probe said: for "val" and "test" the ids, the answers and the
    chances, for drawing thresholds and counting costs.
    """

    facts: dict
    read: dict = field(default_factory=dict, repr=False)

    def section(self) -> dict:
        """``summary["evidence"]``, see ``summary.schema.json``; a copy."""
        return deepcopy(self.facts)

    def add(self, **parts: dict | list) -> "Evidence":
        """The same with ``curve`` (``Curve.section()``), ``robustness`` or ``held_out`` (lists of rows) beside
        the scores. Where nothing was scored, nothing is added.
        """
        unknown = set(parts) - set(PARTS)
        if unknown:
            raise InputError(
                f"There is no part {sorted(unknown)[0]!r}; there are {', '.join(PARTS)}."
            )
        return self if "reason" in self.facts else Evidence({**self.facts, **parts}, self.read)

    @property
    def verdict(self) -> dict:
        """The verdict on these scores alone; ``summarize`` adds what is known of the data."""
        return judge(self.facts)

    @property
    def table(self) -> pd.DataFrame:
        """One row a score, for notebooks; empty if nothing was scored."""
        columns = ("name", "role", "layer", "probe", "val_score")
        rows = [
            {column: row[column] for column in columns}
            | {self.facts["metric"]: row["score"]["value"]}
            | {end: row["score"][end] for end in ("low", "high")}
            | {name: value["value"] for name, value in row["also"].items()}
            for row in self.facts.get("scores", [])
        ]
        return pd.DataFrame(rows)

    def rows(self, part: str) -> pd.DataFrame:
        """``groups``, ``checks``, ``robustness`` or ``held_out`` as a table; empty where there is none."""
        return pd.json_normalize(self.facts.get(part) or [])

    def positive(self, value: str | None = None, name: str | None = None) -> dict:
        """How surely each val and test image belongs to one class, for thresholds and costs.

        Parameters
        ----------
        value
            The class that has to be caught; None: the rarer one in test.
        name
            Whose chances; None: ours, read by the probe that decides.

        Returns
        -------
        dict
            ``value``, and for each of ``val`` and ``test``: ``ids`` int64 (n,), ``positive`` bool (n,),
            ``score`` float64 (n,) in 0..1.

        Raises
        ------
        InputError
            If nothing was scored, the label is no class, or there is no such class or embedding.
        """
        if self.facts.get("kind") != "classes":
            raise InputError(
                f"Only classes can be missed or caught, but here is {self.facts.get('kind') or 'no score'}. "
                "Score a label with classes first."
            )
        classes = self.facts["classes"]
        ours = next(row["name"] for row in self.facts["scores"] if row["role"] == "ours")
        parts = self.read.get((name or ours, DECIDES)) or self.read.get((name, OWN))
        if parts is None:
            known = sorted({each for each, _ in self.read})
            raise InputError(
                f"There are no chances of {name!r}; there are those of {', '.join(known)}."
            )
        if value is None:
            value = classes[int(np.bincount(parts["test"]["y"], minlength=len(classes)).argmin())]
        if str(value) not in classes:
            raise InputError(f"There is no class {value!r}; the classes are {', '.join(classes)}.")
        at = classes.index(str(value))
        told = {
            part: {"ids": rows["ids"], "positive": rows["y"] == at, "score": rows["read"][:, at]}
            for part, rows in parts.items()
        }
        return {"value": str(value), **told}

    def __repr__(self) -> str:
        verdict = self.verdict
        said = f"Evidence({verdict['decision']}: {verdict['ground']}"
        if verdict["difference"] is None:
            return said + ")"
        by = verdict["difference"]
        gap = f"{by['value']:+.3f} [{by['low']:+.3f}, {by['high']:+.3f}]"
        return f"{said}; {gap} against {verdict['control']}, n={by['n']})"

    def _repr_html_(self) -> str:
        """The verdict, and every score with its 95 % interval; where nothing was scored, what was counted."""
        if "scores" not in self.facts:
            return html.table(repr(self), self.rows("counts"))
        shown = ["name", "role", "probe", self.facts["metric"], "low", "high"]
        return html.table(repr(self), self.table[shown])
