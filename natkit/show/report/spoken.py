"""What is told beside a slide: the method, n, and which data it was."""

from natkit.show.report.story import absent
from natkit.show.words import titles
from natkit.show.words.catalogue import Words


def notes(facts: dict, words: Words, n: int | None, *said: str) -> list[str]:
    """What the speaker reads: the method, n, and which data it was."""
    known = not absent(facts["provenance"]) and facts["provenance"]["data_hash"]
    code = known or facts["data"].get("hash") or words("provenance.unknown")
    unknown = words("provenance.unknown")
    return [
        *filter(None, said),
        words("slide.n", n=unknown if n is None else f"{n:,}"),
        words("slide.hash", hash=code),
    ]


def listed(facts: dict) -> int | None:
    """Images in the user's list, if the data is known."""
    return None if absent(facts["data"]) else facts["data"]["counts"]["listed"]


def method(facts: dict, words: Words) -> str:
    """How scores were read."""
    evidence = facts["evidence"]
    if absent(evidence):
        return ""
    sizes = {part: evidence[f"n_{part}"] for part in ("train", "val", "test")}
    return words("evidence.setup", label=titles.quoted(words, evidence["label"]), **sizes)


def more(words: Words) -> str:
    """What a table says of rows that it has no room for; ``{n}`` is their number."""
    return words("format.and_more", n=123456789).replace("123,456,789", "{n}")
