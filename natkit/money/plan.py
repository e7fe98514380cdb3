"""What comes next: how much must be seen at each stage, and on which machine to train."""

from natkit.money.prices import Line, Prices, Work, missing
from natkit.money.rates import parts_to_meet, seen_to_show


def compute(prices: Prices, work: Work) -> dict:
    """Rent a GPU or buy one, from the speed that was measured.

    Returns
    -------
    dict
        ``hours`` (of one training), ``hours_year``, ``training`` (one, rented), ``rented_year``,
        ``own_year`` and ``break_even`` (hours a year above which an own one is cheaper; None if never).
    """
    lacking = missing(work, "images", "epochs", "images_per_second", "trainings_a_year")
    lacking += missing(prices, "gpu_hour", "own_gpu", "own_gpu_years", "own_gpu_hour")
    if lacking:
        return {"reason": "missing", "missing": lacking}
    hours = work.images * work.epochs / work.images_per_second / 3600
    year, fixed = hours * work.trainings_a_year, prices.own_gpu / prices.own_gpu_years
    gain = prices.gpu_hour - prices.own_gpu_hour
    return {
        "hours": hours,
        "hours_year": year,
        "training": hours * prices.gpu_hour,
        "rented_year": year * prices.gpu_hour,
        "own_year": fixed + year * prices.own_gpu_hour,
        "break_even": fixed / gain if gain > 0 else None,
    }


def plan(line: Line, point: dict) -> dict:
    """How much has to be seen from PoC to line, so that each stage shows the allowed missed share.

    Returns
    -------
    dict
        ``defects``: how many defects must be tested if 0, 1 or 2 of them are missed (95 %, exact).
        ``pilot``: for each, ``parts`` to inspect to meet so many (95 %) and ``months`` at the line's
        volume (None if unknown). ``check``: each month, ``known`` defects to put through, none missed, or
        ``passed`` parts to inspect again by hand, none of them bad, and their ``share`` of a month.
    """
    lacking = missing(line, "defect_rate", "allowed_missed")
    if lacking:
        return {"reason": "missing", "missing": lacking}
    rate, allowed = line.defect_rate, line.allowed_missed
    month = line.parts_a_year / 12 if line.parts_a_year else None
    defects = [seen_to_show(allowed, misses) for misses in (0, 1, 2)]
    parts = [parts_to_meet(n, rate) for n in defects]
    passed = seen_to_show(rate * allowed / (rate * allowed + 1 - rate))
    return {
        "allowed": allowed,
        "defects": defects,
        "shown": None if "reason" in point else point["missed"]["at_most"] <= allowed,
        "pilot": {"parts": parts, "months": [n / month for n in parts] if month else None},
        "check": {
            "known": defects[0],
            "passed": passed,
            "share": passed / month if month else None,
        },
    }
