"""What the table names is found as the disk has it, or told truly; what is not read is counted by reason."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import data_prep
from data_prep.rules.registry import RULES
from data_prep.scanning.walking import find_images, walk
from data_prep.scanning.whereabouts import Disk, Whereabouts
from data_prep.writing import info
from natkit.core.errors import InputError
from natkit.facts.data import Finding
from natkit.show.report.faults import findings as told
from natkit.show.words.catalogue import words as words_of

NFC, NFD = (lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD"))


def save(path: Path, seed=0, **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24), np.uint8)
    Image.fromarray(pixels).save(path, **how)
    return path


def scanned(root: Path, names: list[str], **more) -> data_prep.Scan:
    return data_prep.scan(root, pd.DataFrame({"file": names, "ng": 0} | more))


@pytest.fixture
def root(tmp_path):
    """A folder of ten good pictures, p0.png … p9.png."""
    for i in range(10):
        save(tmp_path / "in" / f"p{i}.png", i)
    return tmp_path / "in"


GOOD = [f"p{i}.png" for i in range(10)]
CASES = {  # what the table names: what lies on the disk, the status, the name that is there
    "gone.png": (lambda r: None, "absent", None),
    "deep/er/gone.png": (lambda r: None, "absent", None),
    "noted.png": (lambda r: (r / "noted.txt").touch(), "absent", None),
    "Case.PNG": (lambda r: save(r / "case.png", 20), "other_case", "case.png"),
    "Sub/b.png": (lambda r: save(r / "sub/B.png", 20), "other_case", "sub/B.png"),
    "ＮＧ１.png": (lambda r: save(r / "NG1.png", 20), "other_width", "NG1.png"),
    "ﾌﾟﾚｽ.png": (lambda r: save(r / "プレス.png", 20), "other_width", "プレス.png"),
    "raw.jpg": (lambda r: save(r / "raw.png", 20), "other_suffix", "raw.png"),
    "raw": (lambda r: save(r / "raw.png", 20), "other_suffix", "raw.png"),
    "phone.jpg": (lambda r: (r / "phone.HEIC").write_bytes(b"x"), "other_suffix", "phone.HEIC"),
    "link.png": (lambda r: (r / "link.png").symlink_to(r / "nowhere"), "broken_link", None),
    "loop.png": (lambda r: (r / "loop.png").symlink_to(r / "loop.png"), "unreadable", None),
    "folder.png": (lambda r: (r / "folder.png").mkdir(), "is_folder", None),
    "out.png": (lambda r: (r / "out.png").symlink_to(save(r.parent / "x.png", 20)), "ok", None),
    "j.jfif": (lambda r: save(r / "j.jfif", 20, format="JPEG"), "ok", None),
    "j.JPE": (lambda r: save(r / "j.JPE", 20, format="JPEG"), "ok", None),
    "a.avif": (lambda r: save(r / "a.avif", 20), "ok", None),
    "scan.dat": (lambda r: save(r / "scan.dat", 20, format="PNG"), "ok", None),
    "bare": (lambda r: save(r / "bare", 20, format="PNG"), "ok", None),
    "notes.txt": (lambda r: (r / "notes.txt").write_text("x" * 300), "not_an_image", None),
    ".hidden/a.png": (lambda r: save(r / ".hidden/a.png", 20), "ok", None),
    "a.heic": (lambda r: (r / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200)), "other_format", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_table_names_is_told_as_the_disk_has_it(root, name):
    make, status, instead = CASES[name]
    make(root)
    scan = scanned(root, [*GOOD, name])
    table = scan.table.set_index("path")
    assert table.loc[name, "status"] == status
    assert table.loc[name, "listed"]
    assert (table.loc[GOOD, "status"] == "ok").all()
    assert scan.instead == ({} if instead is None else {name: instead})
    audit = data_prep.audit(scan)
    rule = {"ok": None, "absent": "absent"}.get(
        status, "misnamed" if instead is not None else "unreadable"
    )
    by_rule = {f.rule: f for f in audit.findings if name in f.paths}
    assert list(by_rule) == ([] if rule is None else [rule])
    if rule is not None:
        assert name in audit.quarantined
        assert audit.possible(rule) == ["quarantined"]
    if instead is not None:
        assert by_rule["misnamed"].details == ({"status": status, "instead": instead},)


def test_a_folder_that_may_not_be_read_is_told(root, monkeypatch):
    """Root may read everything, so the refusal is played."""
    save(root / "sub" / "a.png", 20)
    real, closed = os.listdir, str(root / "sub")

    def refuse(path, *rest):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    monkeypatch.setattr("os.listdir", refuse)
    assert Disk(root).look_for("sub/a.png") == Whereabouts("closed_folder", "sub")
    assert Disk(root).look_for("p1.png") == Whereabouts("there", "p1.png")


@pytest.mark.parametrize("on_disk", [NFC, NFD])
@pytest.mark.parametrize("in_table", [NFC, NFD])
def test_names_are_found_however_their_letters_are_composed(tmp_path, on_disk, in_table):
    names = [f"プレス/ガラス_{i}.png" for i in range(8)] + ["Prüfung.png", "Å.png"]
    for i, name in enumerate(names):
        save(tmp_path / on_disk(name), i)
    scan = scanned(tmp_path, [in_table(name) for name in names], kind=range(10))
    table = scan.table.set_index("path")
    assert (table["status"] == "ok").all()
    assert table["listed"].all()
    assert table["kind"].to_dict() == {on_disk(name): i for i, name in enumerate(names)}
    audit = data_prep.audit(scan)
    assert set(data_prep.prepare(audit, tmp_path / "out").table["path"]) == set(table.index)


def test_two_files_whose_names_differ_in_composition_alone_are_told(root):
    for i, form in enumerate((NFC, NFD)):
        save(root / form("ガ.png"), 20 + i)
    with pytest.raises(InputError, match="2 files called .*only in how their letters are composed"):
        scanned(root, [*GOOD, "ガ.png"])
    assert len(data_prep.scan(root).table) == 12
    assert (scanned(root, GOOD).table["status"] == "ok").all()


@given(st.text(st.sampled_from("aBéガぎÅ1ﾊﾟ９_ "), min_size=1, max_size=8), st.booleans())
def test_a_file_is_never_called_absent_under_its_own_name(tmp_path_factory, name, composed):
    name = (NFC if composed else NFD)(name).strip() or "x"
    root = tmp_path_factory.mktemp("own")
    (root / f"{name}.png").touch()
    for asked in (name, NFC(name), NFD(name), name.upper(), unicodedata.normalize("NFKC", name)):
        where = Disk(root).look_for(f"{asked}.png")
        assert where.instead == f"{name}.png"
        assert where.status in ("there", "other_case", "other_width")
        if NFC(asked) == NFC(name):
            assert where.status == "there"


SYSTEM = [
    "@eaDir/p0.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/a.png", "$RECYCLE.BIN/a.png", "@Recycle/a.png",
    ".@__thumb/a.png", "System Volume Information/a.png", "#snapshot/a.png", ".Trash-1000/files/a.png",
    "lost+found/a.png", "__MACOSX/a.png", ".AppleDouble/a.png", "sub/@eaDir/a.png", "~snapshot/a.png",
]  # fmt: skip


def test_folders_of_nas_and_systems_hold_no_images_and_are_counted(root):
    for i, name in enumerate(SYSTEM):
        save(root / name, 30 + i, format="PNG")
    save(root / "._p0.png", 50)
    save(root / ".old.png", 51)
    save(root / ".cache/a.png", 52)
    for name in ("Thumbs.db", ".DS_Store", "note.txt", "b.txt", "boxes.json"):
        (root / name).touch()
    found = walk(root)
    assert found.images == GOOD
    count = dict(found.passed_over)
    assert sum(n for reason, n in count.items() if reason.startswith("system")) == len(SYSTEM) + 1
    assert count["system @eaDir"] == 2
    assert (count["hidden"], count["suffix .txt"], count["suffix .json"]) == (2, 2, 1)
    assert sum(count.values()) == len(SYSTEM) + 6


def test_what_was_passed_over_stands_in_the_report(root):
    """The table and the licence are no pictures that somebody could miss; nor is there a finding without any."""
    (root / "LICENCE.txt").write_text("free")
    pd.DataFrame({"file": GOOD}).to_csv(root / "t.csv", index=False)
    audit = data_prep.audit(data_prep.scan(root, root / "t.csv"))
    assert "passed_over" not in [f.rule for f in audit.findings]
    for name in ("a.heic", "b.heic", "c.xml"):
        (root / name).touch()
    (root.parent / "elsewhere").mkdir()
    (root / "linked").symlink_to(root.parent / "elsewhere")
    audit = data_prep.audit(data_prep.scan(root, root / "t.csv"))
    assert repr(audit.scan).endswith(": 10 readable, 4 files passed over)")
    (finding,) = (f for f in audit.findings if f.rule == "passed_over")
    assert finding.evidence == {
        "n": 4, "reasons": {"linked_folder": 1, "suffix .heic": 2, "suffix .xml": 1},
    }  # fmt: skip
    facts = info.findings(audit)
    sentences = info.sentences(audit)
    for lang, said in (("en", ".heic files"), ("ja", "拡張子 .heic")):
        words = words_of(lang).with_sentences(sentences)
        (row,) = (r for r in told([Finding.of(f) for f in facts], words) if said in r.detail)
        assert "2" in row.detail
        assert row.name == audit.rules["passed_over"].name[lang]


STATUSES = ["empty", "truncated", "not_an_image", "too_big", "other_format HEIC", "colour_space CFA", "no_measurement",
            "unreadable", "broken_link", "is_folder", "closed_folder", "other_case", "other_width", "other_suffix",
            "hidden", "linked_folder", "not_in_table", "system @eaDir", "suffix .txt", "no_suffix"]  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_reason_has_its_own_words(lang):
    sentence = {"rule.unreadable.detail": RULES["unreadable"].detail[lang]}
    words = words_of(lang).with_sentences({lang: sentence})
    said = []
    for reason in STATUSES:
        finding = {
            "rule": "unreadable", "severity": "problem", "action": "reported", "count": 7, "share": 0.1,
            "evidence": {"n": 7, "reasons": {reason: 7}}, "examples": [],
        }  # fmt: skip
        (row,) = told([Finding.of(finding)], words)
        said.append(row.detail)
        assert f"status.{reason.partition(' ')[0]}" in words
        assert reason.partition(" ")[2] in row.detail
    assert len(set(said)) == len(STATUSES)


def test_a_linked_folder_is_read_where_the_table_names_it(root):
    other = root.parent / "other"
    for i in range(4):
        save(other / f"q{i}.png", 40 + i)
    (root / "link").symlink_to(other)
    (other / "back").symlink_to(root)  # circles
    (other / "self").symlink_to(other)
    assert find_images(root) == GOOD
    assert data_prep.scan(root).passed_over == {"linked_folder": 1}
    named = [f"link/q{i}.png" for i in range(3)]
    table = scanned(root, [*GOOD, *named]).table
    assert table["path"].tolist() == sorted([*GOOD, *named])
    assert (table["status"] == "ok").all()
    only = root.parent / "only"  # nothing but a link
    only.mkdir()
    (only / "link").symlink_to(other)
    with pytest.raises(InputError, match="1 links to folders, which are followed where"):
        data_prep.scan(only)
    assert (scanned(only, named).table["status"] == "ok").all()


def test_a_folder_without_pictures_says_what_it_holds(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.heic").touch()
    with pytest.raises(InputError, match=r"no image file.*but it holds 3 \.heic"):
        data_prep.scan(tmp_path)


def test_images_that_no_row_names_are_left_out_and_can_be_kept(root):
    for i in range(4):
        save(root / "masks" / f"p{i}_mask.png", 60 + i)
    scan = scanned(root, GOOD, judged=["a", "b"] * 5)
    masks = {f"masks/p{i}_mask.png" for i in range(4)}
    audit = data_prep.audit(scan, label="judged")
    (finding,) = (f for f in audit.findings if f.rule == "unlisted")
    assert (set(finding.paths), finding.severity) == (masks, "warning")
    assert finding.evidence == {"n": 4, "of": 14}
    assert audit.quarantined == masks
    assert "label_missing" not in [f.rule for f in audit.findings]  # said once
    assert audit.undo(rule="unlisted").quarantined == set()
    kept = data_prep.audit(scan, label="judged", rules={"unlisted": {"action": "reported"}})
    assert not kept.quarantined
    assert [f.count for f in kept.findings if f.rule == "label_missing"] == [4]
    few = data_prep.audit(scanned(root, GOOD[:3]))  # most have no row: is the table about a part?
    assert [f.severity for f in few.findings if f.rule == "unlisted"] == ["problem"]
    without = data_prep.audit(data_prep.scan(root))
    assert "unlisted" not in [*without.looked_for, *(f.rule for f in without.findings)]
    for lang, said in (("en", "4 of 14"), ("ja", "14枚のうち4枚")):
        detail = audit.rules["unlisted"].detail[lang].format(n=4, of=14)
        assert said in detail
        assert "[unlisted]" in detail
