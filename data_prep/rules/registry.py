"""A rule says what it finds, why, and what is done; a finding is a rule that met its case.

The rules stand in ``rules.toml`` beside this file, with their sentences in English and Japanese; a
file of the user's changes them and adds others.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from natkit.core.errors import InputError
from natkit.core.labels import class_names
from natkit.core.wording import of_signals

SEVERITIES = ("problem", "warning", "note")  # most serious first
ACTIONS = ("quarantined", "mended", "kept together", "weighted", "reported")
LANGUAGES = ("en", "ja")
SENTENCES = ("name", "finds", "why", "detail")
TURNS = ("flip_left_right", "flip_top_bottom", "rotate_90", "rotate_180", "rotate_270", "invert")
MENDS = {"dead_lines": "inpaint", "dead_block": "inpaint", "gain": "gain"}
MENDS |= {"signal_lost": "fill", "signal_gap": "fill", "spikes": "unspike"}
ABOUT_SIGNALS = ("signal_lost", "signal_gap", "stuck", "spikes", "dead_channel")
ABOUT_IMAGES = (
    "absent",
    "misnamed",
    "unreadable",
    "unlisted",
    "passed_over",
    "invalid_pixels",
    "blank",
    "partly_missing",
    "mixed_kinds",
    "pages",
    "dead_block",
)
ABOUT_TABLES = ("column_left_out", "column_unnamed", "encoding", "rows_elsewhere")
ABOUT_TABLES += ("rows_without_image", "words_as_gaps", "alike_classes")
ABOUT_IMAGES += ("dead_lines", "dark", "blurred", "overexposed", "gain", "near_copy")
KINDS = ("where", "check", "measure")  # a rule of the user's is one of these


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


def load_rules(file: str | Path | None = None) -> dict[str, Rule]:
    """The rules of ``rules.toml``, changed and extended by those of ``file``.

    Raises
    ------
    InputError
        If the file can't be read, or a rule of it lacks something or holds an unknown key.
    """
    return with_own({} if file is None else read_rules(file), str(file))


def read_rules(file: str | Path) -> dict:
    """What a file of rules holds, unchecked. Raises InputError if it is no TOML."""
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"The rules {file} can't be read ({error}); they are a TOML file like "
            "data_prep/rules/rules.toml. Mend the line it names."
        ) from error


def with_own(
    wanted: dict, where: str = "the rules", rules: dict[str, Rule] | None = None
) -> dict[str, Rule]:
    """The rules of ``rules.toml``, changed and extended by ``wanted``, the content of a TOML file.

    ``rules``: ``SIGNAL_RULES`` for those that speak of signals.
    """
    rules = dict(rules or RULES)
    for code, body in wanted.items():
        if not isinstance(body, dict):
            raise _fault(where, code, "is no table", f"a section [{code}]")
        if code not in RULES:
            rules[code] = _own(code, body, where)
            continue
        rules[code] = _changed(rules[code], body, where)
        if body.get("off") is True:
            del rules[code]
    return rules


def _changed(rule: Rule, body: dict, where: str) -> Rule:
    odd = set(body) - {"off", "action", "limit", *SENTENCES}
    limit = body.get("limit", {})
    odd |= {f"limit.{name}" for name in set(limit) - set(rule.limit)}
    if odd:
        can = ["off", "action", *(f"limit.{name}" for name in rule.limit), *SENTENCES]
        raise _fault(where, rule.code, f"holds {', '.join(sorted(odd))}", ", ".join(can))
    action = body.get("action", rule.action)
    _check_action(rule.code, action, rule.mend, where)
    said = {key: getattr(rule, key) | body.get(key, {}) for key in SENTENCES}
    return replace(rule, action=action, limit=rule.limit | limit, **said)


def _own(code: str, body: dict, where: str) -> Rule:
    known = {"action", "mend", "column", "above", "below", *KINDS, *SENTENCES}
    if odd := set(body) - known:
        raise _fault(where, code, f"holds {', '.join(sorted(odd))}", ", ".join(sorted(known)))
    kinds = [kind for kind in KINDS if kind in body]
    if len(kinds) != 1 or ("check" in body) != ("column" in body):
        raise _fault(
            where, code, f"has {kinds or 'no condition'}", "where, column with check, or measure"
        )
    if "measure" in body and not {"above", "below"} & set(body):
        raise _fault(where, code, "has a measure without limit", "above or below")
    mend = body.get("mend", "")
    if mend not in ("", *TURNS):
        raise _fault(where, code, f"has the mend {mend!r}", ", ".join(TURNS))
    action = body.get("action", "mended" if mend else "reported")
    _check_action(code, action, mend, where)
    said = {key: dict(body.get(key, {})) for key in SENTENCES}
    for key, default in (("name", code), ("finds", ""), ("why", "")):
        said[key] = {
            lang: str(said[key].get(lang, said[key].get("en", default))) for lang in LANGUAGES
        }
    own = {
        key: body[key]
        for key in ("where", "column", "check", "measure", "above", "below")
        if key in body
    }
    return Rule(code, action, **said, mend=mend, own=own)


def _check_action(code: str, action: str, mend: str, where: str) -> None:
    can = [a for a in ACTIONS if a != "mended" or mend]
    if action not in can:
        raise _fault(where, code, f"has the action {action!r}", ", ".join(can))


def _fault(where: str, code: str, came: str, expected: str) -> InputError:
    return InputError(
        f"In {where}, the rule {code!r} {came}; expected: {expected}. The head of "
        "data_prep/rules/rules.toml shows how a rule is written."
    )


def _defaults() -> dict[str, Rule]:
    body = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return {code: Rule(code, **rule, mend=MENDS.get(code, "")) for code, rule in body.items()}


def _said_of_signals(rule: Rule) -> Rule:
    said = {key: getattr(rule, key) for key in SENTENCES}
    said = {k: {lang: of_signals(t, lang) for lang, t in s.items()} for k, s in said.items()}
    return replace(rule, **said)


RULES = _defaults()
SIGNAL_RULES = {code: _said_of_signals(rule) for code, rule in RULES.items()}


@dataclass(frozen=True)
class Finding:
    """One problem of the data.

    ``paths`` are the images concerned, empty where it concerns the whole set. ``evidence`` holds
    JSON-able numbers and text about the finding, ``details`` the same about each of ``paths``.
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
        if not self.action:
            object.__setattr__(self, "action", RULES[self.rule].action)

    def __repr__(self) -> str:
        column = f" in {self.evidence['column']}" if "column" in self.evidence else ""
        return f"Finding({self.rule}{column}: {self.count} found, {self.severity}, {self.action})"


def check_columns(
    columns: list[str],
    label: str | None,
    groups: tuple[str, ...],
    time: str | None = None,
    split: str | None = None,
) -> None:
    """Raise InputError if a column that was named is not among ``columns``, or is named twice."""
    have = f"it has {', '.join(columns)}" if columns else "there is no table, or it has no columns"
    named = (("label", label), *(("group", g) for g in groups), ("time", time), ("split", split))
    for kind, name in named:
        if name is not None and name not in columns:
            raise InputError(
                f"The table has no {kind} column {name!r}; {have}. Name one of its columns."
            )
    if label is not None and label in groups:
        raise InputError(
            f"{label!r} is both label and group; a group is something else that images share "
            "(camera, lot, shift). Leave it out of the groups."
        )


def check_merged(told: tuple[tuple[str, dict], ...], groups: tuple[str, ...]) -> None:
    """Raise InputError if a group column looks like merged cells: its lots would be torn."""
    for rule, facts in told:
        if rule == "merged_cells" and facts["column"] in groups:
            raise InputError(
                f"In the group column {facts['column']!r} values such as {facts['example']!r} stand once above empty "
                "cells, as merged cells of a spreadsheet are exported, but each row needs its own value, or a lot "
                "would be torn between train and test. Fill the values down, or leave the group out."
            )


def check_classes(column: pd.Series, told: Iterable[tuple[str, dict]] = ()) -> None:
    """Raise InputError if a label column can't be used as classes; ``told`` of the table, as a scan has it."""
    values = class_names(column).dropna()
    n = values.nunique()
    if n < 2:
        held = f"one value ({values.iloc[0]})" if n else "no value"
        words = [
            facts["words"]
            for rule, facts in told
            if rule == "words_as_gaps" and facts["column"] == column.name
        ]
        also = f", beside {words[0]}, which was read as a gap" if words else ""
        or_class = (
            ' If that is a class, say so: scan(…, missing=[]) or --missing "".' if words else ""
        )
        raise InputError(
            f"The label column {column.name!r} holds {held}{also}; at least two classes are needed.{or_class} "
            "Name another column, or leave the label out."
        )
    if n > 50 and (pd.api.types.is_numeric_dtype(column) or n > len(values) / 2):
        what = (
            "a measurement" if pd.api.types.is_numeric_dtype(column) else "a name or serial number"
        )
        raise InputError(
            f"The label column {column.name!r} has {n} different values: {what}, not a class. "
            "Make a column of classes from it (for example above or below a limit), and name that."
        )
