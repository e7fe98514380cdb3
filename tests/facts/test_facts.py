"""The dataclasses tell what the schema describes, and lose nothing on the way from JSON and back."""

import json
from collections import defaultdict
from dataclasses import MISSING, fields
from enum import Enum
from importlib.resources import files
from types import NoneType, UnionType
from typing import get_args, get_origin

import pytest

from natkit.facts.base import Absent, Facts, absent, written
from natkit.facts.cost import LineFacts, Prices, Work
from natkit.facts.data import Counts, Finding
from natkit.facts.numbers import Interval
from natkit.facts.summary import Summary
from natkit.facts.verdict import Reason
from natkit.money import prices

SCHEMA = json.loads(files("natkit.evidence").joinpath("summary.schema.json").read_text("utf-8"))
GIVEN = {field.name for kind in (Prices, LineFacts, Work) for field in fields(kind)}
USED: dict[type, set] = defaultdict(set)  # enumeration → its words that the schema has
COUNTS = {"listed": 9, "kept": 8, "quarantined": 1, "mended": 0, "train": 4, "val": 2, "test": 2}


def alternatives(schema) -> list[dict]:
    """Each form that a value may have, without references."""
    if "$ref" in schema:
        return alternatives(SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    if "if" in schema:
        return alternatives(schema["then"]) + alternatives(schema["else"])
    for key in ("oneOf", "allOf"):
        if key in schema:
            found = [form for part in schema[key] for form in alternatives(part)]
            return [form for form in found if "type" in form or "enum" in form]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def differences(kind, schema, where="summary") -> list[str]:
    """Where a type hint does not tell what the schema does."""
    forms = alternatives(schema)
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    null = any(form.get("type") == "null" or None in form.get("enum", ()) for form in forms)
    found = [] if null is (NoneType in kinds) else [f"{where}: null"]
    forms = [form for form in forms if form.get("type") != "null"]
    kinds = [each for each in kinds if each is not NoneType]
    if len(kinds) != len(forms):
        return [*found, f"{where}: {len(forms)} forms"]
    kinds.sort(key=lambda each: not (isinstance(each, type) and issubclass(each, Absent)))
    return found + [
        d for each, form in zip(kinds, forms, strict=True) for d in _one(each, form, where)
    ]


def _one(kind, form, where) -> list[str]:
    if kind is Reason:
        return [] if form["required"] == ["code"] else [where]
    if get_origin(kind) is tuple:
        return _array(kind, form, where)
    if get_origin(kind) is dict:
        return differences(get_args(kind)[1], form["additionalProperties"], f"{where}{{}}")
    if issubclass(kind, Facts):
        return _object(kind, form, where)
    words = {*form.get("enum", [form["const"]] if "const" in form else [])} - {None}
    if issubclass(kind, Enum):
        USED[kind] |= words
        return [] if words and words <= {*kind} else [f"{where}: {words ^ {*kind}}"]
    if where.endswith(".missing[]"):
        return [] if words and words <= GIVEN else [f"{where}: {words - GIVEN}"]
    json_type = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}[
        kind
    ]
    told = form.get("type", json_type)
    return [] if not form.get("enum") and told == json_type else [f"{where}: {kind}"]


def _array(kind, form, where) -> list[str]:
    items = get_args(kind)
    if form["type"] != "array":
        return [f"{where}: {form['type']}"]
    if items[-1] is ...:
        return differences(items[0], form["items"], f"{where}[]")
    parts = form.get("prefixItems") or [form["items"]] * form["maxItems"]
    return [
        d for each, part in zip(items, parts, strict=True) for d in differences(each, part, where)
    ]


def _object(kind, form, where) -> list[str]:
    known = {written(field): field for field in fields(kind)}
    needed = {name for name, field in known.items() if field.default is MISSING}
    found = []
    if needed != set(form["required"]):
        found += [f"{where}: required {needed ^ set(form['required'])}"]
    if "properties" not in form:
        return found
    if known.keys() ^ form["properties"].keys():
        return [*found, f"{where}: names {known.keys() ^ form['properties'].keys()}"]
    for name, field in known.items():
        part = form["properties"][name]
        kind = (
            field.type
            if name in needed or not isinstance(field.type, UnionType)
            else get_args(field.type)[0]
        )
        found += differences(kind, part, f"{where}.{name}")
    return found


def test_the_dataclasses_tell_what_the_schema_does():
    USED.clear()
    assert differences(Summary, SCHEMA) == []
    assert all(used == {*kind} for kind, used in USED.items()), USED


@pytest.mark.parametrize(
    "kind", [(Prices, prices.Prices), (LineFacts, prices.Line), (Work, prices.Work)]
)
def test_what_was_given_has_the_same_fields(kind):
    ours, theirs = ([field.name for field in fields(each)] for each in kind)
    assert ours == theirs


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("interval", {"required": ["value"]}),
        ("counted", {"properties": {}}),
        ("maybe", {"type": "number"}),
        ("reason", {"enum": ["other"]}),
        ("share", {"type": "integer"}),
    ],
)
def test_a_schema_that_differs_is_seen(name, change, monkeypatch):
    monkeypatch.setitem(SCHEMA["$defs"], name, {**SCHEMA["$defs"][name], **change})
    assert differences(Summary, SCHEMA)


def test_facts_are_read_and_given_back():
    plain = {"value": 1, "low": 0.5, "high": 1.5, "n": 3, "more": "is passed over"}
    number = Interval.of(plain)
    assert number == Interval(1, 0.5, 1.5, 3)
    assert isinstance(number.value, int)
    assert Interval.of(number) is number
    assert number.plain() == {"value": 1, "low": 0.5, "high": 1.5, "n": 3}


def test_a_reason_carries_what_it_carries():
    plain = {"code": "could_meet", "low": 0.8}
    assert Reason.of(plain) == Reason("could_meet", {"low": 0.8})
    assert Reason.of(plain).plain() == plain


def test_a_lacking_field_and_an_unknown_word_are_refused():
    with pytest.raises(TypeError, match="listed"):
        Counts.of({name: n for name, n in COUNTS.items() if name != "listed"})
    row = {"rule": "blank", "severity": "terrible", "action": "mended", "count": 1, "share": 0.1}
    with pytest.raises(ValueError, match="terrible"):
        Finding.of({**row, "evidence": {}, "examples": []})


def test_an_absent_part_says_why():
    absent_all = dict.fromkeys(
        ("data", "training", "map", "evidence", "cost", "verdict", "provenance"),
        {"reason": "not_run"},
    )
    facts = Summary.of({"format": "natkit-summary", "version": 1, **absent_all})
    assert absent(facts.map) == "not_run"
    assert absent(Counts.of(COUNTS)) is None
    assert facts.judged.decision == "not_enough"
    assert (facts.findings, facts.curve, facts.data_hash, facts.of_signals) == (
        (),
        None,
        None,
        False,
    )
    assert facts.plain()["evidence"] == {"reason": "not_run"}
