"""Does a rule about damage suit the product? What many of its pictures show is the product, no fault."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import poisson

from data_prep.rules.evidence import plain
from data_prep.rules.registry import Finding
from data_prep.scanning.statistics import damage
from natkit.core.labels import class_names
from natkit.data.decoding import read_image

DAMAGE = ("blank", "partly_missing", "dead_block", "dead_lines")
MANY = 0.05  # share of the like that a rule names; faults of sensor and transfer are rarer
FEW = 2  # images that may always be damage, however few their like are
BY_CHANCE = 0.01  # that so many others have the very same lines, if lines lay anywhere
# Median flat share: noise leaves photographs far less, drawings and black-and-white more.
FLAT = 0.25


@dataclass(frozen=True)
class Unsuited:
    """Why a rule does not suit the pictures that it names: "many", "flat" or "moves".

    ``share`` (and ``percent``) is the largest share named, ``flat`` the median flat share, both 0..1.
    """

    unsuited: str
    share: float
    percent: int
    flat: float


def in_doubt(
    findings: list[Finding], table: pd.DataFrame, groups: list[str], root: Path
) -> list[Finding]:
    """The findings, those about damage split by whether the rule suits the pictures it names.

    It does not where it names more than 5 % (and more than two) of the images of the same values of
    ``groups``, in all or of one group alone, or where evenly coloured places are usual for them; and dead lines
    not where no more images have the very same ones than by chance: those of a sensor stand at fixed pixels, what
    moves is the part. Then the finding only reports. ``evidence`` says why, by the fields of
    :class:`Unsuited`.

    Parameters
    ----------
    table
        Rows of the readable images, with ``path``, ``flat_share`` and the groups.
    root
        Where the images lie: those named for dead lines are read again.
    """
    out = []
    for finding in findings:
        if finding.rule in DAMAGE and finding.paths:
            out += _split(finding, table, groups, root)
        else:
            out.append(finding)
    return out


def _split(finding: Finding, table: pd.DataFrame, groups: list[str], root: Path) -> list[Finding]:
    """The finding about the images that its rule suits, and the one, only reported, about the others."""
    named = table["path"].isin(finding.paths).to_numpy()
    share, many, flat = _usual(named, table, groups)
    usual = named & (many | (flat >= FLAT))
    spared = set(table["path"][usual])
    if finding.rule == "dead_lines":
        spared |= _moving(root, [path for path in finding.paths if path not in spared])
    suited = [k for k, path in enumerate(finding.paths) if path not in spared]
    others = [k for k, path in enumerate(finding.paths) if path in spared]
    parts = [_part(finding, suited)] if suited else []
    if others:
        of_others = named & table["path"].isin(spared).to_numpy()
        most = float(share[of_others].max())
        why = Unsuited(
            "many" if many[of_others].any() else "flat" if usual.any() else "moves",
            round(most, 4),
            round(100 * most),
            round(float(flat[of_others].max()), 4),
        )
        part = _part(finding, others)
        parts.append(replace(part, action="reported", evidence=part.evidence | plain(why)))
    return parts


def _moving(root: Path, paths: list[str]) -> set[str]:
    """Those of ``paths`` whose dead lines end no more often where another's do than by chance.

    (Where they end: of lines stuck at the value of the one before, the first can't be told from a living one.)
    """
    lines = {}
    for path in paths:
        pixels = read_image(root / path)
        found = damage(pixels)
        lines[path] = (pixels.shape[:2], tuple(found.rows[-1:]), tuple(found.columns[-1:]))
    often = Counter(lines.values())
    chance = {
        place: poisson.sf(n - 2, (len(paths) - 1) / sum(place[0])) for place, n in often.items()
    }
    return {path for path, place in lines.items() if chance[place] > BY_CHANCE}


def _usual(named: np.ndarray, table: pd.DataFrame, groups: list[str]):
    """Of each image's like: the share named, whether that is many, the median flat share."""
    share, flat = (np.zeros(len(table)) for _ in range(2))
    many = np.zeros(len(table), bool)
    for column in (None, *groups):
        values = class_names(table[column]).fillna("") if column else pd.Series("", table.index)
        code = pd.factorize(values)[0]
        n = np.bincount(code)[code]
        hits = np.bincount(code, named)[code]
        share = np.maximum(share, hits / n)
        many |= hits > np.maximum(FEW, MANY * n)
        middle = table["flat_share"].groupby(code).transform("median").to_numpy()
        flat = np.maximum(flat, middle)
    return share, many, flat


def _part(finding: Finding, rows: list[int]) -> Finding:
    """The finding about some of its images alone."""
    details = tuple(finding.details[k] for k in rows) if finding.details else ()
    paths = tuple(finding.paths[k] for k in rows)
    evidence = finding.evidence | {"n": len(paths)}
    return replace(finding, paths=paths, details=details, evidence=evidence, count=len(paths))
