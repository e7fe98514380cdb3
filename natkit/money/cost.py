"""What it costs and what it saves: the operating point, its errors, the project and the payback, in money.

No price is guessed. A number that lacks a price or a fact of the line is not made up: in its place stands
``{"reason": "missing", "missing": [field names]}``.
"""

import numpy as np

from natkit.core.errors import InputError
from natkit.money.plan import compute, plan
from natkit.money.prices import NOT_PRICES, Line, Prices, Work, missing, plain
from natkit.money.rates import share, weighed

NONE_HELD = float(np.nextafter(1, 2))  # a threshold just above 1: no part is held back
LONGEST = 60  # months; a later payback is not stated
POINTS = 101  # most thresholds on the curve
PER = 1000  # parts
KINDS = ("labels", "engineer_hours", "gpu_hours")
ENDS = ("value", "low", "high")
TODAY = ("today_missed", "today_false_alarms", "today_part")


def section(
    prices: Prices,
    line: Line,
    work: Work,
    val: tuple[np.ndarray, np.ndarray] | None = None,
    test: tuple[np.ndarray, np.ndarray] | None = None,
    groups: np.ndarray | None = None,
) -> dict:
    """``summary["cost"]``: all that the prices and facts allow, each other part with its reason.

    Parameters
    ----------
    prices, line, work
        What is known: ``Line()`` and ``Work()`` if nothing is.
    val, test
        ``(positive, score)`` each: bool (n,), True for a defect, and float (n,) in 0..1, higher for a
        defect. A part is held back if its score is at or above the threshold.
    groups
        (n_test,), the lot or part of each test image, if images of one belong together.

    Returns
    -------
    dict
        JSON-able; money in ``prices.currency``, shares in 0..1. ``{"reason": "no_prices"}`` without any.
        ``prices, line, work``: as given.
        ``point``: ``threshold, missed, false_alarms`` (see :func:`natkit.money.rates.share`).
        ``ways``: cost for 1,000 parts of natkit, nothing, everything held back, today's way.
        ``curve``: rows ``[threshold, value, low, high]`` of that cost on test.
        ``project, saving, payback, compute, plan``: see the functions of these names.

    Raises
    ------
    InputError
        If scores are not finite, outside 0..1 or not as many as labels.
    """
    if all(price is None for name, price in plain(prices).items() if name not in NOT_PRICES):
        return {"reason": "no_prices"}
    val, test = _scores(val, "val"), _scores(test, "test")
    if test is not None and groups is not None and len(groups) != len(test[0]):
        raise InputError(
            f"There are {len(groups)} groups for {len(test[0])} test images, but each needs one. "
            "Pass the group column of the test rows, in the order of the scores."
        )
    groups = None if groups is None or test is None else np.asarray(groups).astype(str)
    found = {"prices": plain(prices), "line": plain(line), "work": plain(work)}
    found |= _point(prices, line, val, test, groups)
    found["project"] = project(prices, work)
    found["saving"] = saving(prices, line, found["ways"])
    found["payback"] = payback(found["project"], found["saving"])
    found["compute"] = compute(prices, work)
    found["plan"] = plan(line, found["point"])
    return found


def _scores(given, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    if given is None:
        return None
    positive, score = np.asarray(given[0]), np.asarray(given[1], float)
    if positive.shape != score.shape or score.ndim != 1:
        raise InputError(
            f"{name} holds labels of shape {positive.shape} and scores of shape {score.shape}, but "
            "both must be (n,). Pass (positive, score) with one number an image."
        )
    if not np.isin(positive, (0, 1)).all():
        raise InputError(
            f"{name} holds the labels {np.unique(positive)[:4].tolist()}, but True for a defect and "
            'False for a good part are needed. Pass for example table["label"] == "defect".'
        )
    wrong = ~((score >= 0) & (score <= 1))
    if wrong.any():
        raise InputError(
            f"{name} holds {wrong.sum()} scores such as {score[wrong][0]}, but each must be in 0..1. "
            "Pass the probability of a defect that the probe gives."
        )
    return positive.astype(bool), score


def threshold(
    positive: np.ndarray, score: np.ndarray, rate: float, missed: float, false_alarm: float
) -> float:
    """The threshold of the lowest expected cost, if the share of defects were ``rate``: in 0..1, or just above.

    The sample's errors are weighed class by class, so its own share of defects doesn't matter. It lies
    halfway between two scores; 0 holds back every part, ``NONE_HELD`` none. Of equals, the lowest.

    Parameters
    ----------
    positive, score
        bool (n,), both kinds present, and float (n,) in 0..1.
    rate
        In (0, 1).
    missed, false_alarm
        Prices of one error.

    References
    ----------
    Elkan, "The foundations of cost-sensitive learning" (2001).
    """
    cuts = _cuts(score)
    escaped = np.searchsorted(np.sort(score[positive]), cuts) / positive.sum()
    held = 1 - np.searchsorted(np.sort(score[~positive]), cuts) / (~positive).sum()
    costs = rate * missed * escaped + (1 - rate) * false_alarm * held
    return float(cuts[np.argmax(costs <= costs.min() * (1 + 1e-12))])


def _cuts(score: np.ndarray) -> np.ndarray:
    seen = np.unique(score)
    return np.r_[0.0, (seen[1:] + seen[:-1]) / 2, NONE_HELD]


def _point(prices, line, val, test, groups) -> dict:
    """``point``, ``ways`` and ``curve``, or the one reason why there is none."""

    def none(**why):
        return {"point": why, "ways": why, "curve": why}

    lacking = missing(prices, "missed", "false_alarm") + missing(line, "defect_rate")
    if lacking:
        return none(reason="missing", missing=lacking)
    if val is None or test is None:
        return none(reason="no_scores")
    for positive, _ in (val, test):
        if positive.all() or not positive.any():
            return none(reason="one_class")
    positive, score = test
    weights = (
        PER * line.defect_rate * prices.missed,
        PER * (1 - line.defect_rate) * prices.false_alarm,
    )

    def shares(cut):
        lots = (None, None) if groups is None else (groups[positive], groups[~positive])
        return share(score[positive] < cut, lots[0]), share(score[~positive] >= cut, lots[1])

    cut = threshold(*val, line.defect_rate, prices.missed, prices.false_alarm)
    missed, alarms = shares(cut)
    if missed is None or alarms is None:
        return none(reason="one_group")
    cuts = _cuts(score)
    cuts = cuts[np.unique(np.linspace(0, len(cuts) - 1, min(len(cuts), POINTS)).astype(int))]
    together = groups is not None
    curve = [
        [float(c), *weighed(list(zip(weights, shares(c), strict=True)), together)]
        for c in np.union1d(cuts, cut)
    ]
    return {
        "point": {"threshold": cut, "missed": missed, "false_alarms": alarms},
        "ways": _ways(line, weights, missed, alarms, together),
        "curve": curve,
    }


def _ways(line, weights, missed, alarms, together) -> list[dict]:
    """Rows ``way, missed, false_alarms, cost`` for 1,000 parts, each ``{value, low, high}``."""
    bad, good = PER * line.defect_rate, PER * (1 - line.defect_rate)
    ours = weighed(list(zip(weights, (missed, alarms), strict=True)), together)
    rows = [
        {
            "way": "natkit",
            "missed": {end: bad * missed[end] for end in ENDS},
            "false_alarms": {end: good * alarms[end] for end in ENDS},
            "cost": dict(zip(ENDS, ours, strict=True)),
        }
    ]
    fixed = {"nothing": (1.0, 0.0, 0.0), "all_held": (0.0, 1.0, 0.0)}
    if not missing(line, *TODAY):
        fixed["today"] = tuple(getattr(line, name) for name in TODAY)
    for way, (m, a, part) in fixed.items():
        cost = weights[0] * m + weights[1] * a + PER * part
        numbers = {"missed": bad * m, "false_alarms": good * a, "cost": cost}
        rows.append({"way": way} | {key: dict.fromkeys(ENDS, x) for key, x in numbers.items()})
    return rows


def project(prices: Prices, work: Work) -> dict:
    """What the project costs: ``labels, engineer_hours, gpu_hours`` (``count, price, cost``) and ``total``."""
    lacking, found = missing(work, *KINDS), {}
    for kind in KINDS:
        price, count = kind.removesuffix("s"), getattr(work, kind)
        if count and getattr(prices, price) is None:
            lacking.append(price)
        elif count is not None:
            each = getattr(prices, price) or 0.0
            found[kind] = {"count": count, "price": each, "cost": count * each}
    if lacking:
        return {"reason": "missing", "missing": lacking}
    return found | {"total": sum(row["cost"] for row in found.values())}


def saving(prices: Prices, line: Line, ways: list[dict] | dict) -> dict:
    """What natkit saves in a year against today's way, ``{value, low, high}``, upkeep taken off.

    The interval is that of natkit's errors; prices, defect rate and today's shares are taken as given.
    """
    if isinstance(ways, dict):
        return ways
    lacking = missing(line, *TODAY, "parts_a_year") + missing(prices, "upkeep_year")
    if lacking:
        return {"reason": "missing", "missing": lacking}
    cost = {row["way"]: row["cost"] for row in ways}
    thousands = line.parts_a_year / PER
    return {
        end: (cost["today"]["value"] - cost["natkit"][other]) * thousands - prices.upkeep_year
        for end, other in zip(ENDS, ("value", "high", "low"), strict=True)
    }


def payback(project: dict, saving: dict) -> dict:
    """Months until the savings have paid the project: ``value, low, high``; high is None beyond ``LONGEST``.

    No months are given, but a reason, if nothing is saved ("no_saving"), if by its interval nothing may be
    saved ("not_shown"), or if it takes longer than ``LONGEST`` ("beyond").
    """
    for part in (project, saving):
        if "reason" in part:
            return part
    if saving["value"] <= 0:
        return {"reason": "no_saving"}
    if saving["low"] <= 0:
        return {"reason": "not_shown"}
    months = [12 * project["total"] / saving[end] for end in ("value", "high", "low")]
    if months[0] > LONGEST:
        return {"reason": "beyond"}
    if months[2] > LONGEST:
        months[2] = None
    return dict(zip(ENDS, months, strict=True))
