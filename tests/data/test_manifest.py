"""The contract of a prepared folder: what is written is read, and what breaks it is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from natkit import InputError
from natkit.data import annotations, manifest

LEDGER = pd.DataFrame([["t", "a", "r", "f", "{}", "kept", "me"]], columns=list(annotations.LEDGER))


def table(**changes) -> pd.DataFrame:
    rows = {
        "id": [0, 1, 7],
        "path": ["a.png", "b/c.png", "d.png"],
        "split": ["train", "val", "test"],
        "weight": [1.0, 1.0, 1.0],
        "width": [4, 4, 4],
        "height": [4, 4, 4],
        "channels": [1, 1, 1],
        "bits": [8, 8, 8],
        "pixel_hash": ["00", "0e1", "ff"],
        "grade": ["NA", "None", np.nan],
    }
    return pd.DataFrame(rows | changes)


def test_what_is_written_is_read(tmp_path):
    """Also labels that read NA, and hashes that look like numbers."""
    info = {"label": "grade", "groups": [], "counts": {"kept": 3}}
    folder = manifest.write(tmp_path / "p", tmp_path / "root", table(), LEDGER, info)
    pd.testing.assert_frame_equal(folder.table, table(), check_dtype=False)
    assert folder.ledger.to_dict("records") == LEDGER.to_dict("records")
    assert folder.root == tmp_path / "root"
    assert folder.info["label"] == "grade"
    assert repr(folder) == "Prepared(3 images: 1 train, 1 val, 1 test)"


def test_folder_and_images_can_move_together(tmp_path):
    (tmp_path / "here" / "root").mkdir(parents=True)
    manifest.write(tmp_path / "here/p", tmp_path / "here/root", table(), LEDGER, {"label": None})
    (tmp_path / "here").rename(tmp_path / "there")
    assert manifest.read(tmp_path / "there" / "p").root == tmp_path / "there" / "root"


def test_the_hash_names_the_content(tmp_path):
    def named(name: str, **changes) -> str:
        return manifest.write(tmp_path / name, tmp_path, table(**changes), LEDGER, {}).data_hash

    assert named("a") == named("b") != named("c", weight=[1.0, 1.0, 2.0])


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="never overwritten"):
        manifest.write(tmp_path / "p", tmp_path, table(), LEDGER, {})
    assert [f.name for f in tmp_path.rglob("*") if f.is_file()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": [0, 1, 1]}, "1 comes twice"),
        ({"split": ["train", "val", "holdout"]}, "holdout"),
        ({"path": ["a.png", "../c.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "/etc/passwd", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "C:/x.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "b\\c.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "b/../../c.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "//server/c.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "C:x.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", "a\nb.png", "d.png"]}, "leaves the root"),
        ({"path": ["a.png", ".", "d.png"]}, "or is none"),
        ({"path": ["a.png", "", "d.png"]}, "or is none"),
        ({"path": ["a.png", np.nan, "d.png"]}, "or is none"),
    ],
)
def test_broken_manifests_are_neither_written_nor_read(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        manifest.write(tmp_path / "p", tmp_path, table(**changes), LEDGER, {})
    assert not (tmp_path / "p").exists()
    manifest.write(tmp_path / "p", tmp_path, table(), LEDGER, {})
    table(**changes).to_csv(tmp_path / "p" / "manifest.csv", index=False)
    with pytest.raises(InputError, match=message):
        manifest.read(tmp_path / "p")


@pytest.mark.parametrize("path", ["a\0.png", "a\udce9.png", "\\\\server\\a.png", "/", "..", 7])
def test_paths_that_no_file_of_the_root_has_are_not_held(path):
    """Also those that no CSV could bring: NUL, bytes that aren't UTF-8."""
    assert not manifest.can_hold(path)


def test_odd_names_and_links_of_the_user_are_held(tmp_path):
    """A time in a name is no drive; what a link in the root leads to is the user's own choice."""
    names = ["08:30:00.png", "..a.png", "画像 1.png"]
    assert all(manifest.can_hold(name) for name in names)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "x.png").write_bytes(b"x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "else")
    named = table(path=["a.png", "link/x.png", "d.png"])
    prepared = manifest.write(tmp_path / "p", tmp_path / "root", named, LEDGER, {})
    assert prepared.file("link/x.png").read_bytes() == b"x"


def test_a_root_that_is_not_utf8_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="not UTF-8"):
        manifest.write(tmp_path / "p", tmp_path / "caf\udce9", table(), LEDGER, {})
    assert not list(tmp_path.iterdir())


def test_other_folders_and_other_versions_are_refused(tmp_path):
    with pytest.raises(InputError, match="not a prepared folder"):
        manifest.read(tmp_path)
    manifest.write(tmp_path / "p", tmp_path, table(), LEDGER, {})
    file = tmp_path / "p" / "prepared.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 99}))
    with pytest.raises(InputError, match="version 99"):
        manifest.read(tmp_path / "p")
    manifest.write(tmp_path / "q", tmp_path, table(), LEDGER, {})
    for text in ("[]", json.dumps({"format": manifest.FORMAT, "version": manifest.VERSION})):
        (tmp_path / "q" / "prepared.json").write_text(text)
        with pytest.raises(InputError, match="does not say where the images lie"):
            manifest.read(tmp_path / "q")
    (tmp_path / "q" / "prepared.json").write_text(
        (tmp_path / "p" / "prepared.json").read_text().replace("99", "1")
    )
    table().drop(columns="weight").to_csv(tmp_path / "q" / "manifest.csv", index=False)
    with pytest.raises(InputError, match=r"lacks the columns \['weight'\]"):
        manifest.read(tmp_path / "q")


def test_images_on_another_drive_are_found_by_their_whole_path(tmp_path, monkeypatch):
    """Windows knows no way from C: to Z:, and relpath says so by ValueError."""
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.png").write_bytes(b"a")

    def no_way(path, start):
        raise ValueError("path is on mount 'Z:', start on mount 'C:'")

    monkeypatch.setattr(manifest.os.path, "relpath", no_way)
    written = manifest.write(tmp_path / "c" / "p", tmp_path / "z", table(), LEDGER, {})
    assert written.info["root"] == (tmp_path / "z").as_posix()
    (tmp_path / "c").rename(tmp_path / "d")  # the prepared folder may move alone then
    again = manifest.read(tmp_path / "d" / "p")
    assert again.root == tmp_path / "z"
    assert again.file("a.png").read_bytes() == b"a"


def test_a_prepared_json_saved_by_an_editor_of_windows_is_read(tmp_path):
    manifest.write(tmp_path / "p", tmp_path, table(), LEDGER, {"label": "grade"})
    file = tmp_path / "p" / "prepared.json"
    file.write_text(file.read_text(encoding="utf-8"), "utf-8-sig")
    assert manifest.read(tmp_path / "p").info["label"] == "grade"
