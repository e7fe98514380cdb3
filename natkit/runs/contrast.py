"""Several runs as one plain dictionary: what each says of itself, and what has moved against the first.

Only summaries are read. Numbers with an interval are compared; counts, times, the map's honesty and the
payback have none, and are shown side by side.
"""

from collections.abc import Mapping

from natkit.core.errors import InputError
from natkit.core.stats import holm
from natkit.evidence.summary import check
from natkit.runs.moved import ALPHA, chance, difference
from natkit.runs.read import MONEY, numbers, told

QUESTION = ("label", "metric", "classes")  # the same in both runs, or nothing is compared


def contrast(summaries: Mapping[str, dict], same_line: bool = False) -> dict:
    """Compare every run with the first.

    Scores, leads over controls and groups are compared only between runs that ask the same question
    (label, classes, metric) of the same test images (data hash and number), or of images that the user
    says are of one line; errors and cost only at the same prices and facts of the line. There is no
    pooled score. The rule is that of :func:`natkit.runs.moved.difference`; what is marked as moved holds
    after Holm's correction, made for the deciding scores over the runs and for all other numbers together.

    Parameters
    ----------
    summaries
        By name, two or more, the first being what the others are compared with.
    same_line
        Other test images are comparable all the same: before and after cleaning, last month and now.

    Returns
    -------
    dict
        JSON-able. ``runs``: for each ``name, started`` and the sections ``data, training, evidence, map, cost,
        verdict`` in short, each absent with its ``reason``. ``pairs``, one for each later run: ``name``,
        ``images`` ("same" or "other"), ``why`` (rows ``code, before, after``; empty if compared), ``rows``
        (``kind, name, before, after, difference, p, holm, standing``), ``alone`` (numbers that one run lacks),
        ``money`` (why errors and cost are not compared, or None), ``settings`` (what differs in the training).
        ``standing`` is "better", "worse", "alone" (outside its own interval, not after the correction) or
        "none". ``deciding``, ``others``: how many were compared; ``expected``: of the others outside by chance.

    Raises
    ------
    InputError
        If there are fewer than two runs, one does not fit the schema, or two are one and the same.
    """
    if len(summaries) < 2:
        raise InputError(
            f"A comparison needs two runs or more, but got {len(summaries)}. Give another results folder."
        )
    for facts in summaries.values():
        check(facts)
    _differ(summaries)
    first, *later = summaries
    pairs = [_pair(name, summaries[first], summaries[name], same_line) for name in later]
    rows = [row for pair in pairs for row in pair["rows"]]
    deciding, others = (
        _judge([row for row in rows if (row["kind"] == "ours") is decides])
        for decides in (True, False)
    )
    return {
        "runs": [{"name": name, **told(facts)} for name, facts in summaries.items()],
        "pairs": pairs,
        "deciding": deciding,
        "others": others,
        "expected": ALPHA * others,
    }


def _differ(summaries: Mapping[str, dict]) -> None:
    seen: dict[str, dict] = {}
    for name, facts in summaries.items():
        for other, known in seen.items():  # a repeated training takes another time
            if all(facts[part] == known[part] for part in ("data", "training", "evidence")):
                raise InputError(
                    f"{other!r} and {name!r} are the same run. Give two runs that differ."
                )
        seen[name] = facts


def _pair(name: str, before: dict, after: dict, same_line: bool) -> dict:
    same = _same_images(before, after)
    why = _why_not(before["evidence"], after["evidence"])
    if not why and not same and not same_line:
        hashes = [facts["data"].get("hash", "")[:12] for facts in (before, after)]
        why = [{"code": "images", "before": hashes[0], "after": hashes[1]}]
    rows, alone, money = [], [], None
    if not why:
        old, new = numbers(before), numbers(after)
        money = _why_no_money(before["cost"], after["cost"])
        dropped = MONEY if money else ()
        kept = [key for key in {**old, **new} if key[0] not in dropped]
        rows = [_row(key, old[key], new[key]) for key in kept if key in old and key in new]
        alone = [
            {"kind": key[0], "name": key[1], "run": "before" if key in old else "after"}
            for key in kept
            if (key in old) != (key in new)
        ]
    return {
        "name": name,
        "images": "same" if same else "other",
        "why": why,
        "rows": rows,
        "alone": alone,
        "money": money,
        "settings": _settings(before["training"], after["training"]),
    }


def _same_images(before: dict, after: dict) -> bool:
    """The manifest holds images, labels and splits: one hash, and as many of them scored, is one test set."""
    told = [(facts["data"].get("hash"), facts["evidence"].get("n_test")) for facts in (before, after)]  # fmt: skip
    return None not in told[0] and told[0] == told[1]


def _why_not(before: dict, after: dict) -> list[dict]:
    reasons = [before.get("reason"), after.get("reason")]
    if any(reasons):
        return [{"code": "no_scores", "before": reasons[0], "after": reasons[1]}]
    asked = [{**e, "classes": sorted(e["classes"])} for e in (before, after)]
    return [
        {"code": key, "before": asked[0][key], "after": asked[1][key]}
        for key in QUESTION
        if asked[0][key] != asked[1][key]
    ]


def _why_no_money(before: dict, after: dict) -> str | None:
    for cost in (before, after):
        if "reason" in cost:
            return cost["reason"]
    alike = all(before[part] == after[part] for part in ("prices", "line"))
    return None if alike else "prices"


def _row(key: tuple[str, str], before: dict, after: dict) -> dict:
    gap = difference(before, after)
    ends = ("value", "low", "high")
    return {
        "kind": key[0],
        "name": key[1],
        "before": {end: before[end] for end in ends},
        "after": {end: after[end] for end in ends},
        "difference": gap,
        "p": chance(gap),
    }


def _judge(rows: list[dict]) -> int:
    """Put ``holm`` and ``standing`` into each of the rows that are corrected together; how many they are."""
    for row, p in zip(rows, holm([row["p"] for row in rows]).tolist(), strict=True):
        risen = (row["difference"]["value"] > 0) != (row["kind"] in MONEY)
        moved = "better" if risen else "worse"
        row["holm"] = p
        row["standing"] = moved if p < ALPHA else "alone" if row["p"] < ALPHA else "none"
    return len(rows)


def _settings(before: dict, after: dict) -> list[dict]:
    """What differs between two trainings; nothing where one is not known."""
    if "reason" in before or "reason" in after:
        return []
    flat = [
        {key: run[key] for key in ("backbone", "matching", "views", "epochs", "seed", "device")}
        | run["params"]
        for run in (before, after)
    ]
    return [
        {"name": key, "before": flat[0].get(key), "after": flat[1].get(key)}
        for key in {**flat[0], **flat[1]}
        if flat[0].get(key) != flat[1].get(key)
    ]
