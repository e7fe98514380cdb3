"""What the report says of the findings: what was seen, what was done, what is left, what they may hide."""

from natkit.show.report.story import RANK, absent, group, names
from natkit.show.words.catalogue import Words
from natkit.show.words.titles import quoted, shorten, source, whole


def findings(data: dict, words: Words) -> list[dict]:
    """Rows of the table of findings, problems first."""
    ranked = sorted(data["findings"], key=lambda f: RANK.index(f["severity"]))
    return [
        {
            "mark": words(f"severity.{f['severity']}.mark"),
            "severity": words.name("severity", f["severity"]),
            "name": words.name("rule", f["rule"]),
            "why": words.fits(f"rule.{f['rule']}.why") or "",
            "count": words("data.whole_set") if whole(f) else f"{f['count']:,}",
            "share": "" if whole(f) else words.percent(f["share"]),
            "action": words.name("action", f["action"]),
            "detail": _detail(f, words),
            "examples": [shorten(path, 60) for path in f["examples"][:3]],
        }
        for f in ranked
    ]


def _detail(finding: dict, words: Words) -> str:
    values = {}
    for key, value in finding["evidence"].items():
        if key == "reasons":
            parts = [(_reason(words, reason), f"{n:,}") for reason, n in value.items()]
            said = [words("format.colon", name=a, text=b) for a, b in parts]
            value = words("format.join").join(said)
        elif key == "cleaning":
            name = "data.all_rules" if value == "all_rules" else f"rule.{value}.name"
            value = quoted(words, words(name) if name in words else value)
        elif isinstance(value, dict) and key in ("share", "others"):
            value = shared(value, words)
        elif isinstance(value, dict):
            value = words.with_interval(value) if "value" in value else ""
        elif isinstance(value, float):
            value = f"{value:.1f}"
        elif isinstance(value, str):
            known = f"statistic.{value}" in words and key in ("most", "from")
            value = words(f"statistic.{value}") if known else quoted(words, value)
        values[key] = value
    values["source"] = source(words, finding["evidence"])
    return words.fits(f"rule.{finding['rule']}.detail", **values) or ""


def _reason(words: Words, reason: str) -> str:
    """A status, with the name of what it speaks of, such as "other_format HEIC"; an unknown one as it is."""
    code, _, kind = reason.partition(" ")
    return words.fits(f"status.{code}", kind=shorten(kind, 30)) or shorten(reason, 30)


def shared(number: dict, words: Words) -> str:
    """A share with its interval, in percent."""
    value, low, high = (words.percent(number[key]) for key in ("value", "low", "high"))
    interval = words("format.interval", low=low, high=high)
    return words("format.with_interval", value=value, interval=interval)


def losses(data: dict, words: Words) -> list[dict]:
    """Rows of what cleaning takes from each class and group; none if it takes nothing."""
    rows = data.get("losses", [])
    if not any(row["aside"] or row["mended"] or row["held"] for row in rows):
        return []
    return [row | {"name": group(row), "share": shared(row["share"], words)} for row in rows]


def dealt_with(data: dict, words: Words) -> str:
    """Which findings were mended and which are left to the reader."""
    sides: dict[bool, list[str]] = {True: [], False: []}
    for f in data["findings"]:
        name = words.name("rule", f["rule"])
        side = sides[f["action"] not in ("quarantined", "mended", "kept together")]
        if name not in side:
            side.append(name)
    mended, left = (names(sides[key], words) or "–" for key in (False, True))
    return words("data.done", mended=mended, left=left)


def hidden(data: dict, words: Words) -> list[str]:
    """What may make scores look better than they are: findings on the data set as a whole."""
    if absent(data):
        return []
    rules = ("shortcut", "group_imbalance", "class_imbalance")
    rows = [f for f in data["findings"] if f["rule"] in rules]
    said = [(words.name("rule", f["rule"]), _detail(f, words)) for f in rows]
    return [words("format.colon", name=name, text=text) if text else name for name, text in said]
