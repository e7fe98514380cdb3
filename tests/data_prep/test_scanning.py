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
from data_prep.scanning import measure, missing_share, pixel_hash, statistics
from natkit.errors import InputError


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
        "gone.png": "absent",
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


def test_brightness_and_contrast_do_not_depend_on_the_depth():
    pixels = picture()
    shallow, deep = statistics(pixels), statistics(pixels.astype(np.uint16) * 257)
    assert shallow == pytest.approx(deep, rel=1e-4)
    flat = statistics(np.full((30, 30), 51, np.uint8))
    assert flat["brightness"] == pytest.approx(0.2)
    assert flat["contrast"] == 0
    assert 0.45 < statistics(picture(shape=(300, 300)))["brightness"] < 0.55


def test_blur_lowers_sharpness_and_gain_does_not():
    from scipy.ndimage import gaussian_filter

    sharp = picture(shape=(200, 200))
    levels = [statistics(gaussian_filter(sharp, s))["sharpness"] for s in (0, 1, 3)]
    assert levels[0] > levels[1] > levels[2]
    assert statistics(sharp // 2)["sharpness"] == pytest.approx(levels[0], abs=0.01)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("value", [0, 128])
def test_a_lost_part_is_measured_at_every_edge(turns, value):
    pixels = picture(shape=(100, 100, 3))
    pixels[70:] = value
    assert missing_share(np.rot90(pixels, turns)) == pytest.approx(0.3, abs=0.011)


def test_a_repeated_last_row_counts_as_lost_and_a_gap_inside_does_not():
    pixels = picture(shape=(100, 80))
    repeated = pixels.copy()
    repeated[60:] = repeated[59]
    assert missing_share(repeated) == pytest.approx(0.4, abs=0.011)
    inside = pixels.copy()
    inside[40:80] = 0
    assert missing_share(inside) == 0
    assert missing_share(np.zeros((20, 30), np.uint8)) == 1


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
    for name in ("scan", "audit", "prepare"):
        assert inspect.isfunction(getattr(data_prep, name))
    assert callable(data_prep.samples.soil)
    assert set(dir(data_prep)) == {
        "Audit",
        "Finding",
        "Scan",
        "audit",
        "prepare",
        "samples",
        "scan",
    }
    with pytest.raises(AttributeError, match="data_prep has no 'clean'"):
        data_prep.clean  # noqa: B018
