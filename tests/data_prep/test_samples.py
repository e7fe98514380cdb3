"""Sample data: the same seed draws the same, the drawn truth holds, and every plant is as told."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_prep import samples
from data_prep.samples import drawing, sets
from data_prep.samples import planting as soil
from data_prep.samples.planting import FOUND_BY
from data_prep.scanning.statistics import damage
from natkit.core.errors import InputError
from natkit.core.stats import cramers_v
from natkit.data.decoding import read_image


def draw(defect, seed, finish="painted", camera="A"):
    bank = drawing.noise_bank(np.random.default_rng(0))
    lot = drawing.Lot(True, finish, (0.6, 0.6, 0.6), 0.5)
    rng = np.random.default_rng(seed)
    return drawing.draw_part(lot, camera, defect, bank, rng).astype(float)


def test_the_same_seed_draws_the_same_line(tmp_path, tree_hash):
    first, second, other = (
        samples.synthetic_line(tmp_path / name, 30, seed).parent
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert tree_hash(first) == tree_hash(second) != tree_hash(other)


def test_defect_and_kind_agree_and_every_kind_comes(line):
    table = pd.read_csv(line)
    assert list(table) == ["path", "part", "lot", "camera", "shift", "defect", "kind"]
    assert ((table["kind"] == "ok") == (table["defect"] == 0)).all()
    assert set(table["kind"]) == {"ok", "scratch", "dent", "stain", "missing_hole"}
    assert set(table["camera"]) == {"A", "B", "C"}


def test_a_part_seen_twice_is_of_one_kind_and_one_lot_and_before_two_cameras():
    table = pd.DataFrame(sets._plan(3000, np.random.default_rng(0)))
    sizes = table.groupby("part").size()
    assert sizes.max() == 2
    twice = table[table["part"].isin(sizes.index[sizes == 2])].groupby("part")
    assert 150 < len(twice) < 350
    assert (twice["camera"].nunique() == 2).all()
    assert (twice[["kind", "lot"]].nunique() == 1).all(axis=None)


@pytest.mark.parametrize("kind", drawing.DEFECTS)
def test_a_defect_changes_a_small_place(kind):
    """The same part with and without the defect: a few per cent of the pixels differ, not more."""
    changed = []
    for seed in range(8):
        bank = drawing.noise_bank(np.random.default_rng(0))
        lot = drawing.Lot(True, "cast", (0.6, 0.6, 0.6), 0.5)
        with_it, without = (
            drawing.draw_part(lot, "A", defect, bank, np.random.default_rng(seed)).astype(int)
            for defect in (kind, None)
        )
        changed.append((np.abs(with_it - without) > 8).any(axis=2).mean())
    assert 0.001 < np.median(changed) < 0.05


def test_cameras_see_the_same_part_differently():
    a, b, c = (draw(None, 1, camera=camera) for camera in drawing.CAMERAS)
    assert a[..., 0].mean() / a[..., 2].mean() < b[..., 0].mean() / b[..., 2].mean()  # B is warm
    assert not np.array_equal(a, c)


def test_solar_cells_are_whole(tmp_path):
    pytest.importorskip("elpv_dataset")
    path = samples.solar_cells(tmp_path / "cells")
    table = pd.read_csv(path)
    assert list(table) == ["path", "probability", "defect", "type"]
    assert len(table) == 2624
    assert table["defect"].sum() == 821  # 715 sure, 106 likely
    assert read_image(path.parent / table["path"].iloc[-1]).shape == (300, 300)
    assert "NC" in (path.parent / "LICENCE.txt").read_text(encoding="utf-8")


def test_without_elpv_dataset_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed.*pip install.*synthetic_line"):
        samples.solar_cells(tmp_path / "cells")
    assert not (tmp_path / "cells").exists()


def test_each_fault_hits_an_image_of_its_own_and_is_what_it_says(path_walked):
    root = path_walked.scan.root
    truth = pd.read_csv(path_walked.truth, keep_default_na=False)
    single = truth[truth["path"] != ""]
    assert single["path"].is_unique
    assert set(truth["kind"]) == set(FOUND_BY)
    clean = root.parent / "clean"
    for path, kind, detail in single.itertuples(index=False):
        file = root / path
        if kind == "absent":
            assert not file.exists()
        elif kind == "empty":
            assert file.stat().st_size == 0
        elif kind == "truncated":
            with pytest.raises(OSError, match="truncated"), Image.open(file) as image:
                image.load()
        elif kind == "exact_copy":
            assert file.read_bytes() != (root / detail).read_bytes()
            assert np.array_equal(read_image(file), read_image(root / detail))
        elif kind == "near_copy":
            difference = np.abs(read_image(file).astype(int) - read_image(root / detail))
            assert 0 < difference.mean() < 15
        elif kind == "dead_lines":
            found = damage(read_image(file))
            assert 1 <= len(found.rows) + len(found.columns) <= 3
        elif kind == "dead_block":
            assert damage(read_image(file)).block is not None
        elif kind == "dark":
            assert read_image(file).mean() < 0.5 * read_image(clean / path).mean()


def test_blur_and_darkness_hit_camera_b_alone_and_b_has_its_gain(path_walked):
    table = path_walked.scan.table.set_index("path")
    truth = pd.read_csv(path_walked.truth, keep_default_na=False)
    hit = truth.loc[truth["kind"].isin(["blur", "dark"]), "path"]
    assert set(table.loc[hit, "camera"]) == {"B"}
    gain = json.loads(truth.set_index("kind").loc["gain", "detail"])["gain"]
    untouched = table[~table.index.isin(truth["path"]) & (table["camera"] == "B")].index[0]
    before = read_image(path_walked.scan.root.parent / "clean" / untouched).mean()
    assert read_image(path_walked.scan.root / untouched).mean() == pytest.approx(
        gain * before, 0.01
    )


def test_all_other_faults_know_no_camera():
    """Blur and darkness use up camera B; what is planted after them must not avoid it."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(20):
        camera = np.where(rng.random(2600) < 0.35, "B", "A")
        table = pd.DataFrame({"path": [f"{i}.png" for i in range(2600)], "camera": camera})
        hit = pd.Series(soil._choose(table, rng))
        hit = hit[~hit.isin(["blur", "dark"])]
        shares.append((table.set_index("path").loc[hit.index, "camera"] == "B").mean())
    assert np.mean(shares) == pytest.approx(0.35, abs=0.03)


def test_the_biased_sample_is_biased_as_told(line, path_walked):
    truth = pd.read_csv(path_walked.truth).set_index("kind")
    told = json.loads(truth.loc["biased_sample", "detail"])

    def v(table):
        return cramers_v(pd.crosstab(table["shift"], table["defect"]).to_numpy())

    assert v(pd.read_csv(line)) < 0.15
    assert v(path_walked.scan.table) == pytest.approx(told["v"], abs=0.05)
    assert told["v"] >= 0.3


def test_every_planted_fault_of_a_covered_kind_is_found_without_false_alarm(path_walked):
    rows, alarms = samples.compare(path_walked.truth, path_walked.prepared)
    covered = [row for row in rows if row["looked_for"]]
    assert {row["kind"] for row in covered} == set(FOUND_BY)
    assert [row["missed"] for row in covered] == [0] * len(covered)
    assert all(row["planted"] >= 1 for row in covered)
    assert alarms["flagged"] <= 0.01 * alarms["clean"]


def test_compare_counts_misses_and_false_alarms(path_walked):
    """Control: a ledger that forgot a blank image and named a clean one is seen through."""
    ledger = path_walked.prepared.ledger.copy()
    truth = pd.read_csv(path_walked.truth, keep_default_na=False)
    blank = truth.loc[truth["kind"] == "blank", "path"].iloc[0]
    touched = set(truth["path"]) | set(truth["detail"])
    clean = next(p for p in path_walked.scan.table["path"] if p not in touched)
    ledger.loc[ledger["path"] == blank, "path"] = clean
    doctored = type(path_walked.prepared)(**{**vars(path_walked.prepared), "ledger": ledger})
    rows, alarms = samples.compare(path_walked.truth, doctored)
    assert {row["kind"]: row["missed"] for row in rows if row["looked_for"]}["blank"] == 1
    assert alarms["flagged"] == 1


def test_sample_data_overwrites_nothing(line, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="never overwrites"):
        samples.synthetic_line(tmp_path, 5)
    with pytest.raises(InputError, match="never overwrites"):
        samples.soil(line.parent, tmp_path)
    with pytest.raises(InputError, match=r"neither cells\.csv nor parts\.csv"):
        samples.soil(tmp_path, tmp_path / "new")
    few = samples.synthetic_line(tmp_path / "few", 10)
    with pytest.raises(InputError, match="has 10 images, but"):
        samples.soil(few.parent, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["few", "mine.txt"]


def test_without_the_cells_the_demonstration_says_so_and_draws_a_line(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sets.importlib.util, "find_spec", lambda name: None)
    folder, table, label, groups = samples.demo(tmp_path / "a", small=True, seed=0)
    assert "elpv-dataset is not installed" in capsys.readouterr().out
    assert (folder / "truth.csv").exists()
    assert {label, *groups} <= set(pd.read_csv(table).columns)
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["line"]
    before = (folder / "truth.csv").stat().st_mtime_ns
    assert samples.demo(tmp_path / "a", small=True, seed=0)[0] == folder
    assert (folder / "truth.csv").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="elpv-dataset, which is not installed"):
        samples.solar_cells(tmp_path / "b")


def test_the_demonstration_takes_real_cells(tmp_path):
    folder, table, label, groups = samples.demo(tmp_path, small=True, seed=0)
    cells = pd.read_csv(table)
    assert folder.name == "solar_cells"
    assert 800 <= len(cells) <= 850  # and the planted copies
    assert {label, *groups} <= set(cells.columns)
    assert "CC BY-NC-SA" in (folder / "LICENCE.txt").read_text()
