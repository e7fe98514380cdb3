"""Pictures that are worse than the others of their own camera: blurred, dark, overexposed, damaged."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data_prep.rules.evidence import interval
from data_prep.rules.finders import IMAGES, Context, Need, Stage, finds
from data_prep.rules.missing import mixed_kinds
from data_prep.rules.registry import RULES, Finding, Rule
from data_prep.rules.telling import RESAMPLES
from natkit.core.labels import class_names
from natkit.facts.numbers import Interval

CELL = 40  # images from which a camera (crossed with the other groups) is judged by itself
VALUES = 12  # of a group that may each have a gain of their own


def own_level(values: np.ndarray, groups: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Median of each image's like, and how many robust standard deviations it lies below.

    Its like are the images of the same values in all ``groups``; where these are fewer than 40,
    the last group is left out, then the one before. The spread is that of the lower half (from the
    median to the 10th percentile), since most measures spread unevenly.

    Parameters
    ----------
    values
        float (n,), finite.
    groups
        n rows; a missing value is a value of its own.

    Returns
    -------
    median, z
        float (n,) each; z is positive below the median.
    """
    median, spread = np.empty(len(values)), np.empty(len(values))
    code = np.zeros(len(values), int)
    for column in (None, *groups):
        if column is not None:
            more = pd.factorize(class_names(groups[column]))[0] + 1
            code = np.unique(code * (more.max() + 1) + more, return_inverse=True)[1]
        sizes = np.bincount(code)
        for cell in np.flatnonzero(sizes >= (CELL if column is not None else 0)):
            rows = code == cell
            low, middle = np.percentile(values[rows], (10, 50))
            median[rows], spread[rows] = middle, (middle - low) / 1.2816
    return median, (median - values) / np.maximum(spread, 1e-9)


def worse_than_own_camera(
    table: pd.DataFrame, groups: list[str], rules: dict[str, Rule] = RULES
) -> list[Finding]:
    """Damaged, dark, blurred and overexposed pictures, each by the first rule that fits.

    Dark and blurred: so many robust standard deviations below its like (``limit.deviations``), and
    at most so much of their median (``limit.share``): a tight camera's trifles are left alone.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside.
    groups
        Columns of few values (camera, line, product): what an image is compared within.
    """
    if table.empty:
        return []
    own, left = table[groups], np.ones(len(table), bool)
    found = []
    for code, (column, judge) in JUDGES.items():
        if code not in rules:
            continue
        hit, usual = judge(table[column].to_numpy(float), own, rules[code].limit)
        hit &= left
        left &= ~hit
        if hit.any():
            rows = table[hit]
            details = tuple(
                {"value": round(float(v), 4), "usual": round(float(u), 4)}
                for v, u in zip(rows[column], usual[hit], strict=True)
            )
            n = len(rows)
            evidence = {"n": n, "measure": column}
            found.append(Finding(code, "warning", tuple(rows["path"]), evidence, n, details))
    return found


def _less(values: np.ndarray, own: pd.DataFrame, limit: dict):
    """Far below its like, on a scale of ratios."""
    median, z = own_level(np.log(np.maximum(values, 1e-6)), own)
    usual = np.exp(median)
    return (z > limit["deviations"]) & (values < limit["share"] * usual), usual


def _more(values: np.ndarray, own: pd.DataFrame, _limit: dict):
    """Above its like: dead lines and blocks are counted, and a sound camera has none."""
    usual, _ = own_level(values, own)
    return values > usual, usual


def _glare(values: np.ndarray, own: pd.DataFrame, limit: dict):
    median, z = own_level(-values, own)  # the upper half is what counts here
    usual = -median
    return (z > limit["deviations"]) & (values > usual + limit["area"]), usual


@dataclass(frozen=True)
class Gain:
    """That the pictures of one value of a column are ``ratio`` times as bright as the others."""

    column: str
    value: str
    ratio: Interval

    @classmethod
    def of(cls, finding: Finding) -> "Gain":
        """What a finding of the rule "gain" says."""
        facts = finding.evidence
        return cls(facts["column"], facts["value"], Interval(**facts["ratio"]))


JUDGES = {  # rule → what the scan measured, and how it is judged; the first that fits names an image
    "dead_block": ("dead_block", _more),
    "dead_lines": ("dead_lines", _more),
    "dark": ("white", _less),
    "blurred": ("sharpness", _less),
    "overexposed": ("saturated_share", _glare),
}
BELOW = ("dark", "blurred")  # what lies below its like


def invalid_pixels(table: pd.DataFrame) -> list[Finding]:
    """Images with pixels that hold no measurement."""
    rows = table[table["invalid_share"] > 0]
    if rows.empty:
        return []
    most = {"most": round(100 * float(rows["invalid_share"].max()), 1)}
    details = tuple(rows[["invalid_share"]].round(4).to_dict("records"))
    evidence = {"n": len(rows), **most}
    return [Finding("invalid_pixels", "warning", tuple(rows["path"]), evidence, len(rows), details)]


def gains(
    table: pd.DataFrame, groups: list[str], rules: dict[str, Rule] = RULES, seed: int = 0
) -> list[Finding]:
    """Cameras (values of a group of 2 to 12) whose pictures are brighter or darker than the others'.

    By more than ``limit.ratio``, and surely (95 %) by more than half of it on a scale of ratios.

    The white level of each image is compared within its other groups. The reference is the middle
    of the values' medians, or of two values the more frequent one.

    Parameters
    ----------
    table
        Rows of readable images that no other rule has put aside.
    seed
        For the 300 bootstrap resamples behind the interval.
    """
    if "gain" not in rules:
        return []
    least = np.log(rules["gain"].limit["ratio"])
    rng = np.random.default_rng(seed)
    level = np.log(np.maximum(table["white"].to_numpy(float), 1e-6))
    found = []
    for group in groups:
        names = class_names(table[group])
        counts = names.value_counts()
        counts = counts[counts >= CELL]
        if not 2 <= len(counts) <= VALUES:
            continue
        rest = level - own_level(level, table[[g for g in groups if g != group]])[0]
        medians = {name: _medians(rest[(names == name).to_numpy()], rng) for name in counts.index}
        two = len(counts) == 2
        common = medians[counts.index[0]] if two else np.median([*medians.values()], axis=0)
        for name, mine in medians.items():
            *draws, log_ratio = mine - common
            low, high = np.percentile(draws, (2.5, 97.5))
            surely = low * high >= 0 and min(abs(low), abs(high)) >= least / 2
            if surely and abs(log_ratio) >= least:
                n = int(counts[name])
                gain = Gain(group, name, interval(*np.exp([log_ratio, low, high]), n))
                found.append(Finding("gain", "warning", (), gain, n))
    return found


def _medians(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float (301,): the medians of 300 bootstrap resamples, then that of the values."""
    picks = rng.integers(len(values), size=(RESAMPLES, len(values)))
    return np.append(np.median(values[picks], axis=1), np.median(values))


@finds(*JUDGES, stage=Stage.CONTENT, about=[IMAGES])
def _worse_than_own_camera(context: Context) -> list[Finding]:
    return worse_than_own_camera(context.kept, context.small_groups, context.rules)


@finds("invalid_pixels", stage=Stage.CONTENT, about=[IMAGES])
def _invalid_pixels(context: Context) -> list[Finding]:
    return invalid_pixels(context.kept)


@finds("gain", stage=Stage.CONTENT, needs=[Need.GROUPS], about=[IMAGES])
def _gains(context: Context) -> list[Finding]:
    odd = {path for finding in mixed_kinds(context.kept) for path in finding.paths}
    sound = ~context.kept["path"].isin(odd | context.named(*JUDGES))
    return gains(context.kept[sound], context.small_groups, context.rules, context.seed)
