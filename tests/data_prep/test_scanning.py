"""Scanning: every file is read once, told for what it is, and never changed."""

import importlib
import inspect
import pkgutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import data_prep
from data_prep.scanning.measuring import measure, pixel_hash
from natkit.core.errors import InputError
from natkit.data.decoding import open_image


def picture(seed=0, shape=(40, 50), dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, shape, dtype, endpoint=True)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    return path


def test_every_kind_of_broken_file_is_told_apart(tmp_path):
    whole = save(tmp_path / "ok.png", picture()).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("this is no image")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    status = data_prep.scan(tmp_path).table.set_index("path")["status"].to_dict()
    assert status == {
        "cut.png": "truncated",
        "empty.png": "empty",
        "gone.png": "broken_link",
        "ok.png": "ok",
        "text.jpg": "not_an_image",
    }


def test_size_depth_and_channels_are_kept(tmp_path):
    save(tmp_path / "grey.png", picture())
    save(tmp_path / "deep.tif", picture(dtype=np.uint16))
    save(tmp_path / "sub/colour.bmp", picture(shape=(8, 9, 3)))
    table = data_prep.scan(tmp_path).table.set_index("path")
    assert list(table.index) == ["deep.tif", "grey.png", "sub/colour.bmp"]
    sizes = table[["width", "height", "channels", "bits"]].to_numpy().tolist()
    assert sizes == [[50, 40, 1, 16], [50, 40, 1, 8], [9, 8, 3, 8]]


def test_hidden_and_foreign_files_are_left_out(tmp_path):
    for name in ("a.png", ".b.png", ".cache/c.png", "__MACOSX/d.png"):
        save(tmp_path / name, picture())
    (tmp_path / "notes.txt").write_text("x")
    assert list(data_prep.scan(tmp_path).table["path"]) == ["a.png"]


def test_the_hash_is_of_the_pixels_alone(tmp_path):
    pixels = picture()
    first = measure(tmp_path, save(tmp_path / "a.png", pixels).name)
    second = measure(tmp_path, save(tmp_path / "a.bmp", pixels).name)
    assert first["pixel_hash"] == second["pixel_hash"] == pixel_hash(pixels)
    changed = pixels.copy()
    changed[-1, -1] ^= 1
    others = (changed, pixels.reshape(50, 40), pixels.astype(np.uint16), pixels[:, :, None])
    assert len({pixel_hash(p) for p in (pixels, *others)}) == 5


def test_columns_that_clash_get_a_suffix_and_files_without_row_are_kept(tmp_path):
    for name in ("a.png", "b.png"):
        save(tmp_path / name, picture())
    user = pd.DataFrame({"file": ["a.png", "x.png"], "width": [7, 8], "id": [1, 2], "ng": [0, 1]})
    scan = data_prep.scan(tmp_path, table=user)
    table = scan.table.set_index("path")
    assert scan.user_columns == ["file", "width_user", "id_user", "ng"]
    assert list(table["status"]) == ["ok", "ok", "absent"]
    assert list(table["listed"]) == [True, False, True]
    assert table.loc["a.png", ["width", "width_user"]].tolist() == [50, 7]
    assert str(table["ng"].dtype) == "Int64"  # a class 1 did not become 1.0 for the gap
    assert pd.isna(table.loc["b.png", "ng"])
    with pytest.raises(InputError, match="more than one column 'width_user'"):
        data_prep.scan(tmp_path, table=user.assign(width_user=1))


def test_a_stopped_scan_goes_on_and_reads_only_what_changed(tmp_path, monkeypatch):
    for i in range(6):
        save(tmp_path / "in" / f"{i}.png", picture(i))
    cache = tmp_path / "scan.jsonl"
    whole = data_prep.scan(tmp_path / "in", cache=cache).table
    lines = cache.read_text().splitlines()
    cache.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])  # killed in the middle of a row
    read = []
    monkeypatch.setattr(
        "data_prep.scanning.measuring.open_image", lambda p: read.append(p.name) or open_image(p)
    )
    again = data_prep.scan(tmp_path / "in", cache=cache).table
    pd.testing.assert_frame_equal(again, whole)
    assert sorted(read) == ["3.png", "4.png", "5.png"]
    save(tmp_path / "in" / "1.png", picture(99))
    changed = data_prep.scan(tmp_path / "in", cache=cache).table
    assert sorted(read) == ["1.png", "3.png", "4.png", "5.png"]
    assert changed["pixel_hash"][1] != whole["pixel_hash"][1]


def test_without_folder_the_images_that_the_table_lists_are_read(tmp_path):
    for name in ("in/a.png", "in/b.png"):
        save(tmp_path / name, picture())
    pd.DataFrame({"file": ["in/a.png", "in/x.png"]}).to_csv(tmp_path / "t.csv", index=False)
    table = data_prep.scan(table=tmp_path / "t.csv").table
    assert list(zip(table["path"], table["status"], strict=True)) == [
        *(("in/a.png", "ok"), ("in/x.png", "absent"))
    ]
    with pytest.raises(InputError, match="Give folder="):
        data_prep.scan(table=pd.DataFrame({"file": ["a.png"]}))


def test_pages_format_and_time_of_capture_are_told(tmp_path):
    pages = np.stack([picture(i) for i in range(3)])
    tifffile.imwrite(
        tmp_path / "a.tif", pages, photometric="minisblack", datetime="2026:04:01 08:30:00"
    )
    exif = Image.Exif()
    exif.get_ifd(0x8769)[36867] = "2026:05:02 09:10:11"
    Image.fromarray(picture()).save(tmp_path / "b.jpg", exif=exif)
    table = data_prep.scan(tmp_path).table
    assert table["pages"].tolist() == [3, 1]
    assert table["format"].tolist() == ["TIFF", "JPEG"]
    assert table["captured"].tolist() == ["2026-04-01T08:30:00", "2026-05-02T09:10:11"]
    assert table["pixel_hash"][0] == pixel_hash(pages[0])


def test_what_cannot_be_scanned_is_said_in_one_sentence(tmp_path):
    with pytest.raises(InputError, match="There is no folder"):
        data_prep.scan(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no image file"):
        data_prep.scan(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"None of the 1 image files.*'empty': 1"):
        data_prep.scan(tmp_path)


def test_the_public_names_are_there_and_stay_functions():
    """No module is called like a function: importing it would put it in the function's place."""
    for module in pkgutil.iter_modules(data_prep.__path__):
        importlib.import_module(f"data_prep.{module.name}")
    for name in ("scan", "audit", "prepare", "replay", "reinspect"):
        assert inspect.isfunction(getattr(data_prep, name))
    assert callable(data_prep.samples.soil)
    assert set(dir(data_prep)) == {
        "Audit",
        "Finding",
        "Review",
        "Scan",
        "apply",
        "around",
        "audit",
        "folder_table",
        "imputing",
        "mended_examples",
        "prepare",
        "reinspect",
        "remedies",
        "replay",
        "samples",
        "scan",
        "scan_signals",
        "thumbnails",
        "to_xlsx",
        "vibration",
        "voc_table",
    }
    with pytest.raises(AttributeError, match="data_prep has no 'clean'"):
        data_prep.clean  # noqa: B018


@pytest.mark.parametrize("content", ["検査用".encode("cp932"), b"\xff\xfe\x00", b"", None])
def test_a_licence_of_the_users_stops_nothing(content, tmp_path):
    """In another encoding, empty, or a folder of that name."""
    Image.new("L", (9, 9), 7).save(tmp_path / "a.png")
    file = tmp_path / "LICENCE.txt"
    file.mkdir() if content is None else file.write_bytes(content)
    licence = data_prep.scan(tmp_path).licence
    assert licence is None if content is None else isinstance(licence, str)
