"""What many pictures of a product show is the product: told, never set aside or painted over."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
from data_prep.repair.mending import dead
from data_prep.rules.suiting import DAMAGE
from data_prep.writing.info import findings, sentences
from natkit.facts.data import Finding
from natkit.show.report.faults import findings as told_in
from natkit.show.words.catalogue import words as words_of

FAULTS = {
    "burnt stripe": lambda p, rng: p.__setitem__(np.s_[40:48, 20:50], 10),
    "glare": lambda p, rng: p.__setitem__(np.s_[20:50, 30:60], 255),
    "stripe over the whole width": lambda p, rng: p.__setitem__(np.s_[30:32], 10),
    "blank end": lambda p, rng: p.__setitem__(np.s_[60:], 0),
    "blank part": lambda p, rng: p.__setitem__(np.s_[:], 30),
}


def audited(folder, pictures):
    for k, pixels in enumerate(pictures):
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{k:03}.png")
    off = dict.fromkeys(("near_copy", "exact_copy", "drift", "shortcut"), {"off": True})
    return data_prep.audit(data_prep.scan(folder), rules=off)


def noisy(n, rng):
    return [rng.normal(120, 25, (96, 96)) for _ in range(n)]


def planted(fault, every, n=60):
    rng = np.random.default_rng(0)
    pictures = noisy(n, rng)
    for pixels in pictures[::every]:
        FAULTS[fault](pixels, rng)
    return pictures


@pytest.mark.parametrize("fault", FAULTS)
def test_a_defect_that_many_parts_show_is_told_and_stays_as_it_is(tmp_path, fault):
    audit = audited(tmp_path, planted(fault, 4))
    assert audit.quarantined == audit.paths_of("mended") == set()
    (told,) = [f for f in audit.findings if f.rule in DAMAGE]
    assert (told.action, told.count, told.evidence["unsuited"]) == ("reported", 15, "many")
    assert told.evidence["share"] == 0.25
    assert len(audit.decide("quarantined", rule=told.rule).quarantined) == 15


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rare_fault_is_dealt_with(tmp_path, fault):
    audit = audited(tmp_path, planted(fault, 30))
    assert audit.quarantined | audit.paths_of("mended") == {"000.png", "030.png"}


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_report_says_that_it_may_be_the_part(tmp_path, lang):
    audit = audited(tmp_path, planted("burnt stripe", 4))
    rows = told_in(
        [Finding.of(f) for f in findings(audit)], words_of(lang).with_sentences(sentences(audit))
    )
    (row,) = [row for row in rows if row.count == "15"]
    assert {"en": "up to 25 %", "ja": "最大25%"}[lang] in row.detail


def drawings():
    y, x = np.mgrid[:96, :96]
    rng = np.random.default_rng(1)
    bars = [np.repeat(rng.integers(0, 2, 96) * 255, 96).reshape(96, 96).T for _ in range(40)]
    gratings = [((x + k) // 8 % 2) * 255 for k in range(40)]
    labels, boards = [], []
    for _ in range(40):
        top, left = rng.integers(2, 40, 2)
        label = np.full((96, 96), 255)
        label[top : top + 30, left : left + 50] = 90
        labels.append(label)
        board = np.zeros((96, 96), int)
        for at in rng.integers(5, 90, 4):
            board[at : at + 3, rng.integers(0, 30) :] = 255
        boards.append(board)
    return {"bars": bars, "gratings": gratings, "labels": labels, "boards": boards}


@pytest.mark.parametrize("what", drawings())
def test_nothing_is_taken_from_drawings(tmp_path, what):
    audit = audited(tmp_path, drawings()[what])
    assert audit.quarantined == audit.paths_of("mended") == set()


def test_a_group_that_looks_so_is_spared_and_the_others_are_judged(tmp_path):
    pictures = noisy(60, np.random.default_rng(0)) + drawings()["labels"]
    pictures[3][20:50, 30:60] = 0
    names = [f"{k:03}.png" for k in range(100)]
    audited(tmp_path, pictures)
    table = pd.DataFrame({"file": names, "product": ["cell"] * 60 + ["label"] * 40})
    audit = data_prep.audit(data_prep.scan(tmp_path, table), groups=["product"])
    aside = {
        p for f in audit.findings if f.rule in DAMAGE and f.action != "reported" for p in f.paths
    }
    assert aside <= {"003.png"}


def test_the_mended_pixels_can_be_asked_for():
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    pixels[20:22] = 0
    assert dead(pixels).sum() == 100


def test_one_label_among_drawings_is_told_and_left(tmp_path):
    y, x = np.mgrid[:96, :96]
    pictures = [np.where(np.hypot(y - 40 - k // 10, x - 48) < 38, 200, 20) for k in range(40)]
    pictures[7][30:50, 35:60] = 120
    audit = audited(tmp_path, pictures)
    assert audit.quarantined == audit.paths_of("mended") == set()
    (told,) = [f for f in audit.findings if f.rule == "dead_block"]
    assert (told.paths, told.evidence["unsuited"]) == (("007.png",), "flat")


def test_lines_are_mended_only_where_a_sensor_has_them(tmp_path):
    """Two of 60 noisy pictures with the same dead rows: the sensor. With rows elsewhere in each: perhaps the part."""
    for name, rows in (("sensor", (30, 30)), ("part", (30, 57))):
        pictures = noisy(60, np.random.default_rng(0))
        for pixels, row in zip(pictures[::30], rows, strict=True):
            pixels[row : row + 2] = 10
        (tmp_path / name).mkdir()
        audit = audited(tmp_path / name, pictures)
        (told,) = [f for f in audit.findings if f.rule == "dead_lines"]
        assert told.paths == ("000.png", "030.png")
        assert audit.paths_of("mended") == (set(told.paths) if name == "sensor" else set())
        assert told.evidence.get("unsuited") == (None if name == "sensor" else "moves")


def test_stripes_that_lie_anywhere_are_hardly_ever_taken_for_a_sensor(tmp_path):
    """30 of 700 pictures of 96 rows with a stripe of one row, drawn at random: some fall together by chance."""
    rng = np.random.default_rng(0)
    pictures = noisy(700, rng)
    for pixels in pictures[:30]:
        pixels[rng.integers(5, 90)] = 10
    audit = audited(tmp_path, pictures)
    assert len(audit.paths_of("mended")) <= 3
