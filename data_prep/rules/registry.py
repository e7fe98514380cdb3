"""A rule says what it finds, why, and what is done; a finding is a rule that met its case.

The rules stand in ``rules.toml`` beside this file, with their sentences in English and Japanese; a
file of the user's changes them and adds others (``user_rules.py``). What finds them is registered in the file of their
kin (``finders.py``).
"""

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from data_prep.rules.evidence import plain
from natkit.core.wording import of_signals

SEVERITIES = ("problem", "warning", "note")  # most serious first
ACTIONS = ("quarantined", "mended", "kept together", "weighted", "reported")
LANGUAGES = ("en", "ja")
SENTENCES = ("name", "finds", "why", "detail")


@dataclass(frozen=True)
class Rule:
    """What a rule finds, why it matters, and its action.

    ``name``, ``finds``, ``why``, ``detail`` map "en" and "ja" to a sentence. ``limit`` are the
    numbers that it judges by. ``mend`` is how it mends, or "". ``own`` is the body of a rule of the
    user's (``where``, ``column`` and ``check``, or ``measure`` and ``above`` or ``below``), else empty.

    Quarantined means left out of the prepared folder and named in the ledger; nothing is ever
    deleted.
    """

    code: str
    action: str
    name: dict[str, str]
    finds: dict[str, str]
    why: dict[str, str]
    detail: dict[str, str] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    mend: str = ""
    own: dict = field(default_factory=dict)


def _defaults() -> dict[str, Rule]:
    body = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return {code: Rule(code, **rule) for code, rule in body.items()}


def _about_signals(rule: Rule) -> Rule:
    """The rule with sentences that speak of signals."""
    sentences = {}
    for part in SENTENCES:
        texts = getattr(rule, part)
        sentences[part] = {lang: of_signals(text, lang) for lang, text in texts.items()}
    return replace(rule, **sentences)


RULES = _defaults()
SIGNAL_RULES = {code: _about_signals(rule) for code, rule in RULES.items()}


@dataclass(frozen=True)
class Finding:
    """One problem of the data.

    ``paths`` are the images concerned, empty where it concerns the whole set. ``evidence`` holds
    JSON-able numbers and text about the finding (a dataclass is made plain), ``details`` the same about each of
    ``paths``.
    ``count`` is the number of images concerned. ``action`` is what :func:`data_prep.prepare` does
    about it: that of the rule.
    """

    rule: str
    severity: str
    paths: tuple[str, ...]
    evidence: dict
    count: int
    details: tuple[dict, ...] = field(default=(), repr=False)
    action: str = ""

    def __post_init__(self):
        object.__setattr__(self, "evidence", plain(self.evidence))
        if not self.action:
            object.__setattr__(self, "action", RULES[self.rule].action)

    @property
    def column(self) -> str:
        """The column that it is about; "" if it is about none."""
        return self.evidence.get("column", "")

    def __repr__(self) -> str:
        column = f" in {self.column}" if self.column else ""
        return f"Finding({self.rule}{column}: {self.count} found, {self.severity}, {self.action})"
