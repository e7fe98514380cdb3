"""What is done to which image or signal: the steps of all rules that mend, and mended images written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_prep.deciding.audited import Audit
from data_prep.repair.mending import mend, save
from data_prep.rules.quality import Gain
from data_prep.rules.registry import Finding
from data_prep.scanning.measuring import measure
from natkit.core.labels import class_names
from natkit.core.progress import progress
from natkit.data.decoding import in_channels, read_image

CHANGED = ("width", "height", "bits", "pixel_hash")  # columns of a manifest that a mend can change


@dataclass(frozen=True)
class Step:
    """One mend, by the name that a rule has for it; ``facts`` as :func:`data_prep.repair.mending.mend` takes them."""

    how: str
    facts: dict[str, float]


def steps(audit: Audit, kept: set[str]) -> dict[str, list[Step]]:
    """Each kept path that something is to be done to, with its steps in order."""
    found: dict[str, list[Step]] = {}
    for finding in audit.findings:
        how = audit.rules[finding.rule].mend
        for path in _mended(audit, finding) if how else ():
            step = Step(how, {"ratio": Gain.of(finding).ratio.value} if how == "gain" else {})
            mine = found.setdefault(path, [])
            if step not in mine:
                mine.append(step)
    return {path: found[path] for path in sorted(kept & set(found))}


def _mended(audit: Audit, finding: Finding) -> list[str]:
    if finding.paths:
        actions = zip(finding.paths, audit.actions(finding), strict=True)
        return [path for path, action in actions if action == "mended"]
    if finding.action != "mended":
        return []
    table, gain = audit.scan.table, Gain.of(finding)  # a whole camera
    return list(table.loc[class_names(table[gain.column]) == gain.value, "path"])


def image_writer(
    root: Path, table: pd.DataFrame, mends: dict[str, list[Step]]
) -> Callable[[Path], None]:
    """What writes the mended images into a prepared folder, and what they now are into ``table``."""

    def write(folder: Path) -> None:
        rows = table.set_index("path").index
        for path, todo in progress(mends.items(), "mend images", len(mends)):
            row = table.index[rows.get_loc(path)]
            pixels = in_channels(read_image(root / path), table.loc[row, "channels"])
            for step in todo:
                pixels = mend(pixels, step.how, step.facts)
            file = save(folder / "images" / path, pixels)
            facts = measure(file.parent, file.name)
            table.loc[row, [*CHANGED]] = [facts[column] for column in CHANGED]

    return write
