"""Signals are audited as images are: what was planted is found, a defect is left alone, what is filled is marked."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook
from pptx import Presentation

import data_prep
import natkit
from data_prep.rules.finders import IMAGES, SIGNALS, finders
from data_prep.rules.registry import RULES
from data_prep.rules.signals import filled, spikes
from data_prep.samples.bearings import KINDS, RATE, vibration
from natkit import InputError
from natkit.core.wording import of_signals
from natkit.show.words.catalogue import words

FOUND_BY = dict(zip(KINDS, ("signal_gap", "signal_lost", "stuck", "spikes"), strict=True))
GROUPS = ["machine", "speed"]


@pytest.fixture(scope="module")
def drawn():
    return vibration(400, seed=2)


@pytest.fixture(scope="module")
def audit(drawn):
    scan = data_prep.scan_signals(drawn.values, drawn.table, "bearings")
    return data_prep.audit(scan, label="condition", groups=GROUPS)


@pytest.fixture(scope="module")
def prepared(audit, tmp_path_factory):
    return data_prep.prepare(audit, tmp_path_factory.mktemp("bearings") / "prepared")


def found(audit, rule: str) -> set[str]:
    return {path for f in audit.findings if f.rule == rule for path in f.paths}


def planted(drawn, kind: str) -> set[str]:
    return set(drawn.truth["path"][drawn.truth[kind] == 1])


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_planted_is_found_and_little_else(kind, drawn, audit):
    """Every one, and of the clean signals at most one in a hundred; most of the faulty bearings knock, and are none."""
    hit, true = found(audit, FOUND_BY[kind]), planted(drawn, kind)
    assert len(true) >= 10
    assert true <= hit
    assert len(hit - true) <= 0.01 * len(drawn.table)


def test_the_set_is_drawn_by_its_seed_alone_and_biased_as_it_says(drawn):
    again = vibration(400, seed=2)
    np.testing.assert_array_equal(again.values, drawn.values)
    pd.testing.assert_frame_equal(again.table, drawn.table)
    assert not np.array_equal(vibration(400, seed=3).clean, drawn.clean)
    table = drawn.table.merge(drawn.truth, on="path")
    faults = table.groupby("machine")["condition"].apply(lambda c: (c == "fault").mean())
    assert faults["B"] > faults["A"] + 0.25
    assert ((table["strength"] > 0) == (table["condition"] == "fault")).all()
    untouched = table[list(KINDS)].sum(axis=1).to_numpy() == 0
    np.testing.assert_array_equal(drawn.values[untouched], drawn.clean[untouched])
    assert (table[list(KINDS)].sum(axis=1) <= 1).all()


def test_faults_strike_at_the_rate_of_the_balls(drawn):
    """The envelope of the strongest faults has its line where the law puts it; healthy ones have none there."""
    strong = drawn.truth["strength"].to_numpy() > 2.5
    slow = drawn.table["speed"].to_numpy() == 24
    high = np.diff(drawn.clean[:, 0], axis=1)  # the shaft is slow
    envelope = np.abs(np.fft.rfft(np.abs(high), 8192)) / RATE  # bins of 1 Hz
    line = slice(82, 91)  # 3.58 × 24 = 86 Hz
    power = envelope[:, line].max(axis=1) / np.median(envelope[:, 40:300], axis=1)
    healthy = drawn.truth["strength"].to_numpy() == 0
    assert np.median(power[strong & slow]) > 1.5 * np.median(power[healthy & slow])


def test_bias_and_gaps_of_the_table_are_found_too(audit):
    """The machine goes with the fault, its level differs, and its temperatures are missing: all as drawn."""
    told = {(f.rule, f.evidence.get("column")) for f in audit.findings}
    assert {
        ("group_imbalance", "machine"),
        ("drift", "machine"),
        ("missing_values", "temperature"),
        ("not_at_random", "temperature"),
    } <= told
    (drift,) = (f for f in audit.findings if f.rule == "drift")
    assert drift.evidence["most"] == "level"
    sources = {f.evidence["source"] for f in audit.findings if f.rule == "shortcut"}
    assert sources <= {"table", "signal statistics"}
    assert all(f"statistic.{name}" in words("ja") for name in ("offset", "level"))
    assert "source.signal statistics" in words("ja")


def test_the_share_in_each_group_and_channel_is_evidence(drawn, audit):
    (lost,) = (f for f in audit.findings if f.rule == "signal_lost")
    mine = planted(drawn, "long_gap")
    by = drawn.table.assign(lost=drawn.table["path"].isin(mine)).groupby("machine")["lost"].mean()
    assert lost.evidence["by_group"]["machine"] == pytest.approx(by.to_dict(), abs=1e-4)
    assert sum(lost.evidence["by_channel"].values()) == len(mine)
    gap = np.isnan(drawn.values[drawn.table["path"] == lost.paths[0]][0]).sum(axis=1)
    assert lost.details[0] == {"channel": int(gap.argmax()), "samples": int(gap.max())}


def test_only_rules_of_signals_are_looked_for(audit):
    of = {
        kind: {c for f in finders() if kind in f.about for c in f.codes}
        for kind in (IMAGES, SIGNALS)
    }
    assert (
        {"signal_lost", "spikes", "dead_channel"}
        <= of[SIGNALS] - of[IMAGES]
        <= set(audit.looked_for)
    )
    assert {"blank", "dark", "near_copy"} <= of[IMAGES] - of[SIGNALS]
    assert not (of[IMAGES] - of[SIGNALS]) & set(audit.looked_for)


def test_short_gaps_are_filled_and_marked_and_nothing_else_changes(drawn, prepared):
    signals = natkit.load(prepared.folder)
    rows = pd.Series(range(400), drawn.table["path"])[signals.table["path"]].to_numpy()
    before = drawn.values[rows]
    marks = np.load(prepared.folder / "filled.npy")
    np.testing.assert_array_equal(marks, np.isnan(before))
    np.testing.assert_array_equal(signals.values[~marks], before[~marks])
    np.testing.assert_allclose(signals.table["filled_share"], marks.mean(axis=(1, 2)), atol=1e-6)
    assert set(signals.table["path"][signals.table["filled_share"] > 0]) == planted(
        drawn, "short_gap"
    )
    wrong = np.abs(signals.values[marks] - drawn.clean[rows][marks])
    assert wrong.mean() < 1.2 * drawn.clean.std()  # a straight line, no invention


def test_the_ledger_says_what_was_filled_and_what_was_left_out(drawn, prepared):
    ledger = prepared.ledger.set_index("rule")
    assert set(ledger.loc["signal_gap", "action"]) == {"mended"}
    assert set(ledger.loc["signal_gap", "path"]) == planted(drawn, "short_gap")
    assert set(ledger.loc["stuck", "action"]) == {"quarantined"}
    facts = json.loads(ledger.loc["signal_gap", "evidence"].iloc[0])
    assert facts["samples"] >= 4
    gone = planted(drawn, "long_gap") | planted(drawn, "stuck")
    assert set(drawn.table["path"]) - set(prepared.table["path"]) == gone


def test_spikes_are_mended_when_asked(drawn, audit, tmp_path):
    where = planted(drawn, "spikes") & set(audit.kept["path"])
    chosen = audit.decide("mended", sorted(where), "spikes", by="me")
    signals = natkit.load(data_prep.prepare(chosen, tmp_path / "p").folder)
    mine = signals.table["path"].isin(where).to_numpy()
    rows = pd.Series(range(400), drawn.table["path"])[signals.table["path"]].to_numpy()
    off = np.abs(signals.values - drawn.clean[rows])[mine].max(axis=(1, 2))
    assert off.max() < 12  # what was planted is 12 and more
    assert (signals.table["filled_share"][mine] > 0).all()


def test_decisions_are_replayed_on_the_same_signals(drawn, audit, tmp_path):
    path = found(audit, "stuck").pop()
    chosen = audit.decide("kept", path, "stuck", by="me", note="a pause")
    folder = data_prep.prepare(chosen, tmp_path / "p").folder
    again = data_prep.replay(folder, audit.scan)
    assert path in set(again.kept["path"])


def test_a_signal_kept_with_its_gap_is_refused_when_written(audit, tmp_path):
    path = found(audit, "signal_lost").pop()
    with pytest.raises(InputError, match=f"{path} still has gaps"):
        data_prep.prepare(audit.decide("kept", path, "signal_lost"), tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_what_is_usual_in_its_own_group_is_not_stuck():
    """A coarse sensor repeats its values; only what is far longer than that is a fault."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(120, 1, 400))
    values[:60] = np.repeat(values[:60, :, ::20], 20, axis=2)  # 20 and more in a row
    values[7, 0, 100:300] = 0.5
    table = pd.DataFrame({"sensor": ["old"] * 60 + ["new"] * 60})
    scan = data_prep.scan_signals(values, table)
    audit = data_prep.audit(scan, groups=["sensor"])
    assert found(audit, "stuck") == {"0000007"}
    assert "0000007" not in set(audit.kept["path"])


def test_a_channel_without_signal_is_named_and_no_reason_to_drop_signals():
    values = np.random.default_rng(0).normal(size=(30, 3, 50))
    values[:, 1] = 4
    audit = data_prep.audit(data_prep.scan_signals(values, pd.DataFrame({"a": range(30)})))
    (dead,) = (f for f in audit.findings if f.rule == "dead_channel")
    assert dead.evidence == {"channel": 1, "n": 30}
    assert audit.quarantined == set()


def test_a_blow_that_rings_is_no_spike_and_a_lone_sample_is():
    time = np.arange(400)
    quiet = np.random.default_rng(0).normal(0, 0.1, (3, 1, 400))
    quiet[1, 0, 200:] += 4 * np.exp(-np.arange(200) / 14) * np.sin(2 * np.pi * 0.3 * time[:200])
    quiet[2, 0, 200] += 4
    hit = spikes(quiet, 8, 3)
    assert np.argwhere(hit).tolist() == [[2, 0, 200]]


def test_ends_hold_the_nearest_sample_up_to_the_limit():
    nan = np.nan
    line = np.array([[[nan, nan, 1.0, nan, 3.0, nan, nan, nan]]])
    np.testing.assert_array_equal(filled(line, 2)[0, 0], [1, 1, 1, 2, 3, nan, nan, nan])
    np.testing.assert_array_equal(filled(line, 3)[0, 0], [1, 1, 1, 2, 3, 3, 3, 3])


def test_exact_copies_and_vectors_go_the_same_way(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(50, 8))
    vectors[9] = vectors[4]
    table = pd.DataFrame({"path": [f"part{i}" for i in range(50)], "width": range(50)})
    scan = data_prep.scan_signals(vectors, table)
    assert scan.user_columns == ["width_user"]
    audit = data_prep.audit(scan)
    assert found(audit, "exact_copy") == {"part9"}
    vectors = natkit.load(data_prep.prepare(audit, tmp_path / "p").folder)
    assert vectors.values.shape == (49, 8)


@pytest.mark.parametrize(
    ("values", "table", "message"),
    [
        (np.zeros((5, 1, 9)), {"a": range(4)}, "5 signals, but 4 rows"),
        (np.zeros((2, 1, 9)), {"path": ["a", "a"]}, "each signal once"),
        (np.zeros((2, 1, 9)), {"path": ["a", "../b"]}, "each signal once"),
        (np.full((2, 1, 9), np.inf), {"a": range(2)}, "mark it as missing"),
        (np.full((2, 9), np.nan), {"a": range(2)}, "imputing.impute"),
        (np.zeros((0, 1, 9)), {"a": []}, "0 signals"),
    ],
)
def test_what_cannot_be_scanned_is_refused(values, table, message):
    with pytest.raises(InputError, match=message):
        data_prep.scan_signals(values, pd.DataFrame(table))


PICTURE = re.compile(
    r"\b(image|picture|pixel|camera)|画像|画素|枚|カメラ|撮影|明るさ", re.IGNORECASE
)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_that_is_said_of_signals_speaks_of_images(lang, audit, prepared, tmp_path):
    """Repr, tables, sheet, page, workbook and slides; a picture sheet and the flat picture of a map are pictures."""
    told = [
        f"{audit!r} {audit.scan!r}",
        audit.as_table(lang).to_csv(),
        audit.before_after().to_csv(),
    ]
    rows = load_workbook(data_prep.to_xlsx(audit, tmp_path / "findings.xlsx", lang)).active
    assert rows.column_dimensions["A"].hidden
    told += [str(cell.value) for row in rows for cell in row[1:]]
    page = natkit.report(natkit.summarize(prepared), tmp_path / "report", lang)
    html = re.sub(
        r"<style.*?</style>|<[^>]*>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    book = load_workbook(page.with_suffix(".xlsx"))
    told += [str(cell.value) for sheet in book for row in sheet for cell in row if cell.value]
    deck = Presentation(page.with_suffix(".pptx"))
    told += [s.text_frame.text for slide in deck.slides for s in slide.shapes if s.has_text_frame]
    assert {"en": "signal", "ja": "信号"}[lang] in html
    for text in (*told, html):
        found = PICTURE.search(text := re.sub("(flat|this) picture|picture sheet", "", text))
        assert found is None, text[max(0, found.start() - 80) : found.end() + 80]


def test_a_sentence_of_signals_keeps_its_numbers_and_images_keep_theirs():
    for lang in ("en", "ja"):
        for key, text in words(lang).of_signals().sentences.items():
            places = re.findall(r"\{\w*", text)
            assert places == re.findall(r"\{\w*", words(lang).sentences[key])
    assert of_signals("An image, clean images: {images:image|images}", "en") == (
        "A signal, clean signals: {images:signal|signals}"
    )
    assert RULES["exact_copy"].finds["en"] == "Another image has exactly these pixels."
