"""What is told beside a slide: the method, n, and which data it was."""

from natkit.facts.base import absent
from natkit.facts.summary import Summary
from natkit.show.words import titles
from natkit.show.words.catalogue import Words


def notes(facts: Summary, words: Words, n: int | None, *said: str) -> list[str]:
    """What the speaker reads: the method, n, and which data it was."""
    unknown = words("provenance.unknown")
    return [
        *filter(None, said),
        words("slide.n", n=unknown if n is None else f"{n:,}"),
        words("slide.hash", hash=facts.data_hash or unknown),
    ]


def listed(facts: Summary) -> int | None:
    """Images in the user's list, if the data is known."""
    return None if absent(facts.data) else facts.data.counts.listed


def method(facts: Summary, words: Words) -> str:
    """How scores were read."""
    evidence = facts.evidence
    if absent(evidence):
        return ""
    return words(
        "evidence.setup",
        label=titles.quoted(words, evidence.label),
        train=evidence.n_train,
        val=evidence.n_val,
        test=evidence.n_test,
    )


def more(words: Words) -> str:
    """What a table says of rows that it has no room for; ``{n}`` is their number."""
    return words("format.and_more", n=123456789).replace("123,456,789", "{n}")
