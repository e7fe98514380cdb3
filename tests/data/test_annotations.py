"""Laws of the marks: what is said counts at once, is never lost, can be taken back, and survives to the next month."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import data_prep
import natkit
from natkit.core.errors import InputError
from natkit.data import annotations


@pytest.fixture
def images(prepared_line, tmp_path):
    shutil.copytree(prepared_line, tmp_path / "all")
    return natkit.load(tmp_path / "all" / "prepared")


def test_a_label_counts_at_once_and_after_reading_again(images):
    before = images.table.set_index("id")["defect"]
    some = images.ids[[3, 40]]
    other = {i: 1 - before[i] for i in some}
    for i, value in other.items():
        images = images.mark([i], label=value, by="Sato")
    after = natkit.load(images.prepared.folder).table.set_index("id")["defect"]
    assert after[some].to_dict() == other
    assert after.drop(some).equals(before.drop(some))
    assert after.dtype == before.dtype


def test_who_and_when_stand_in_the_ledger_and_nothing_in_it_changes(images):
    before = images.prepared.ledger
    after = images.mark(images.ids[:2], label=1, tag="scratch?", by="Sato").prepared.ledger
    assert after.iloc[: len(before)].equals(before)
    new = after.iloc[len(before) :]
    assert new["rule"].tolist() == ["label", "label", "tag", "tag"]
    assert set(new["by"]) == {"Sato"}
    assert json.loads(new["evidence"].iloc[2])["note"] == "scratch?"
    told = pd.read_csv(images.prepared.folder / "marks.csv", dtype=str)
    assert sorted(told["note"]) == ["1", "1", "scratch?", "scratch?"]


def test_the_last_word_counts_and_an_empty_one_takes_it_away(images):
    i = int(images.ids[5])
    own = images.table.set_index("id").at[i, "defect"]
    images = images.mark([i], label=1 - own).mark([i], tag="a").mark([i], tag="b", set_aside=True)
    row = images.table.set_index("id").loc[i]
    assert (row["defect"], row["tag_by_eye"], row["set_aside_by_eye"]) == (1 - own, "b", True)
    row = images.mark([i], label="", tag="", set_aside=False).table.set_index("id").loc[i]
    assert row["defect"] == own
    assert pd.isna(row["tag_by_eye"])
    assert not row["set_aside_by_eye"]


def test_the_data_has_another_name_once_labels_change_and_pixels_are_still_cached(images):
    pixels, name = images.pixels(16), images.prepared.data_hash
    marked = images.mark(images.ids[:1], tag="x")
    assert marked.prepared.data_hash != name
    assert np.array_equal(marked.pixels(16), pixels)
    assert len(list((images.prepared.folder / "cache").glob("16-*.npy"))) == 1


def test_next_month_they_count_again_where_the_picture_is_the_same(images):
    folder = images.prepared.folder.parent
    one, changed, aside = (int(i) for i in images.ids[[7, 8, 9]])
    paths = images.table.set_index("id")["path"]
    was = images.table.set_index("id")["defect"]
    images.mark([one, changed], label=1 - was[one], by="Sato")
    images.mark([one], tag="odd").mark([aside], set_aside=True)
    shutil.copy(folder / "line" / paths[aside], folder / "line" / paths[changed])
    scan = data_prep.scan(folder / "line", folder / "line" / "parts.csv")
    audit = data_prep.replay(folder / "prepared", scan)
    judged = audit.scan.table.set_index("path")["defect"]
    assert judged[paths[one]] == 1 - was[one]  # splits and findings know the label, too
    assert judged[paths[changed]] == was[changed]
    again = data_prep.prepare(audit, folder / "second")
    table = again.table.set_index("path")
    assert table.at[paths[one], "defect"] == 1 - was[one]
    assert table.at[paths[one], "tag_by_eye"] == "odd"
    assert table.at[paths[changed], "defect"] == was[changed]
    assert paths[aside] not in table.index
    third = data_prep.prepare(data_prep.replay(again, scan), folder / "third").table
    assert third.set_index("path").at[paths[one], "defect"] == 1 - was[one]


def test_a_set_without_label_column_gets_one(prepared_line, tmp_path):
    scan = data_prep.scan(prepared_line / "line")
    data_prep.prepare(data_prep.audit(scan), tmp_path / "prepared")
    images = natkit.load(tmp_path / "prepared")
    assert images.prepared.info["label"] is None
    images = images.mark(images.ids[:1], label="scratch").mark(images.ids[1:3], label="good")
    assert images.prepared.info["label"] == "label_by_eye"
    assert images.table["label_by_eye"].value_counts().to_dict() == {"good": 2, "scratch": 1}


@pytest.mark.parametrize(
    ("column", "label", "expected"),
    [
        (pd.Series([0, 1]), "1", 1.0),
        (pd.Series([0.5, None]), 2, 2.0),
        (pd.Series([True, False]), "True", True),
        (pd.Series(["a", None], dtype=object), 3, "3"),
    ],
)
def test_labels_take_the_type_of_their_column(column, label, expected):
    assert annotations.typed(pd.Series([label]), column).tolist() == [expected]


@pytest.mark.parametrize("dtype", ["category", "datetime64[s]", "bool", "Int64", "str"])
def test_a_new_label_fits_into_a_column_of_any_type_or_is_refused(dtype):
    values = {"bool": [True, False], "Int64": [1, None]}.get(dtype, ["2026-04-01", "2026-04-02"])
    table = pd.DataFrame(
        {"path": ["a", "b"], "pixel_hash": "x", "d": pd.Series(values, dtype=dtype)}
    )
    for note in ("True", "2.5", "7", "new"):
        row = {"path": "b", "rule": "label", "note": note, "pixels": "x", "by": "me", "time": ""}
        said = pd.DataFrame([row])
        if (dtype, note) in [("Int64", "7"), ("bool", "True")] or dtype not in ("Int64", "bool"):
            told = annotations.applied(table, said, "d")["d"]
            assert (told[0], str(told[1])) == (table["d"][0], note)
        else:
            with pytest.raises(InputError, match=f"can't be {note!r}"):
                annotations.applied(table, said, "d")


def test_bad_input_is_named_and_nothing_is_written(images):
    ledger = (images.prepared.folder / "ledger.csv").read_bytes()
    with pytest.raises(InputError, match="no image with the id 9999"):
        images.mark([9999], label=1)
    with pytest.raises(InputError, match="'defect' holds 0, 1.*can't be 'bad'"):
        images.mark(images.ids[:1], label="bad")
    with pytest.raises(InputError, match="Nothing is said"):
        images.mark(images.ids[:1])
    with pytest.raises(InputError, match="Nothing is said"):
        images.mark([], label=1)
    assert (images.prepared.folder / "ledger.csv").read_bytes() == ledger


@pytest.mark.parametrize(
    "evidence", ["", "no JSON", "[1]", '{"note": "1"}', '{"decided": "labelled", "pixels": "00"}']
)
def test_a_ledger_changed_by_hand_is_refused(images, evidence):
    folder = images.mark(images.ids[:1], label=1).prepared.folder
    ledger = pd.read_csv(folder / "ledger.csv", dtype=str, keep_default_na=False)
    ledger.loc[len(ledger) - 1, "evidence"] = evidence
    ledger.to_csv(folder / "ledger.csv", index=False)
    with pytest.raises(InputError, match="ledger.csv was changed"):
        natkit.load(folder)
    ledger.drop(columns="rule").to_csv(folder / "ledger.csv", index=False)
    with pytest.raises(InputError, match="ledger.csv was changed"):
        natkit.load(folder)


def test_a_formula_stays_text_and_comes_back_as_it_was(images):
    i = int(images.ids[0])
    images = images.mark([i], tag="=HYPERLINK('x')", by="@me")
    assert images.table.set_index("id").at[i, "tag_by_eye"] == "=HYPERLINK('x')"
    rows = pd.read_csv(images.prepared.folder / "marks.csv", dtype=str, keep_default_na=False)
    assert rows["note"].tolist() == ["'=HYPERLINK('x')"]
    assert rows["by"].tolist() == ["'@me"]
