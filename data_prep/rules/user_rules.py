"""A file of the user's: changes the rules of ``rules.toml`` and adds others."""

import tomllib
from dataclasses import replace
from pathlib import Path

from data_prep.rules.registry import ACTIONS, LANGUAGES, RULES, SENTENCES, Rule
from natkit.core.errors import InputError

TURNS = ("flip_left_right", "flip_top_bottom", "rotate_90", "rotate_180", "rotate_270", "invert")
KINDS = ("where", "check", "measure")  # a rule of the user's is one of these


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
    sentences = {part: getattr(rule, part) | body.get(part, {}) for part in SENTENCES}
    return replace(rule, action=action, limit=rule.limit | limit, **sentences)


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
    sentences = {part: dict(body.get(part, {})) for part in SENTENCES}
    for part, default in (("name", code), ("finds", ""), ("why", "")):
        english = sentences[part].get("en", default)
        sentences[part] = {lang: str(sentences[part].get(lang, english)) for lang in LANGUAGES}
    own = {
        key: body[key]
        for key in ("where", "column", "check", "measure", "above", "below")
        if key in body
    }
    return Rule(code, action, **sentences, mend=mend, own=own)


def _check_action(code: str, action: str, mend: str, where: str) -> None:
    can = [a for a in ACTIONS if a != "mended" or mend]
    if action not in can:
        raise _fault(where, code, f"has the action {action!r}", ", ".join(can))


def _fault(where: str, code: str, came: str, expected: str) -> InputError:
    return InputError(
        f"In {where}, the rule {code!r} {came}; expected: {expected}. The head of "
        "data_prep/rules/rules.toml shows how a rule is written."
    )
