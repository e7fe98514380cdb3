"""Copies: exact ones by pixels, near ones proved by pixels and told apart by the table, leaks named."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import data_prep
from data_prep.duplicates import exact_copies, kind, leakage, near_copies, nominate, same_picture
from data_prep.statistics import perceptual_hash


def table(hashes, labels=None):
    paths = [f"{i}.png" for i in range(len(hashes))]
    return pd.DataFrame({"path": paths, "pixel_hash": list(hashes), "ng": labels or 0})


def test_all_but_the_first_path_of_a_set_are_named():
    (finding,) = exact_copies(table("abcbab").iloc[::-1], "ng")
    assert sorted(finding.paths) == ["3.png", "4.png", "5.png"]
    assert sorted(finding.evidence["sets"]) == [["0.png", "4.png"], ["1.png", "3.png", "5.png"]]
    assert (finding.severity, finding.evidence["n_label_conflicts"]) == ("warning", 0)
    of = dict(zip(finding.paths, (d["copy_of"] for d in finding.details), strict=True))
    assert of == {"3.png": "1.png", "5.png": "1.png", "4.png": "0.png"}


def test_a_label_conflict_is_a_problem_and_a_missing_label_is_none():
    (finding,) = exact_copies(table("aabb", [0, 1, 1, 1]), "ng")
    assert finding.severity == "problem"
    assert finding.evidence["label_conflicts"] == [["0.png", "1.png"]]
    (finding,) = exact_copies(table("aa", [1, None]), "ng")
    assert finding.severity == "warning"


def test_different_pictures_are_no_copies():
    assert exact_copies(table("abcd"), None) == []


def test_hashes_of_32_bits_apart_are_nominated_and_of_33_not():
    rng = np.random.default_rng(0)
    first, far = int.from_bytes(rng.bytes(32)), int.from_bytes(rng.bytes(32))
    turned = [first ^ ((1 << n) - 1) for n in (0, 32, 33)]
    hashes = pd.Series([f"{h:064x}" for h in (*turned, far)])
    assert nominate(hashes) == {(0, 1), (1, 2)}


def test_nominating_block_by_block_misses_no_pair(monkeypatch):
    hashes = pd.Series([f"{i % 7:064x}" for i in range(40)])
    whole = nominate(hashes)
    assert len(whole) == 40 * 39 // 2
    monkeypatch.setattr("data_prep.duplicates.BLOCK", 7)
    assert nominate(hashes) == whole


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """Twelve textured parts, and of the first ones a copy each of a known kind."""
    root, rng, rows = tmp_path_factory.mktemp("copies"), np.random.default_rng(0), []

    def texture(seed):
        own = np.random.default_rng(seed)
        coarse = Image.fromarray(own.integers(40, 200, (12, 12), np.uint8))
        fine = np.asarray(coarse.resize((160, 160), Image.Resampling.BICUBIC)).astype(float)
        return fine + own.normal(0, 6, fine.shape)

    def add(name, pixels, **facts):
        pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
        hashed = {"perceptual_hash": perceptual_hash(pixels), "pixel_hash": name, "captured": ""}
        rows.append({"path": name, **hashed, "part": None, "time": None, **facts})

    for i in range(12):
        add(f"{i:02}.png", texture(i), part=f"P{i}", time="2026-04-01T08:00:00")
    add("a.png", np.roll(texture(0), 1, axis=1) * 1.05, part="P0", time="2026-04-02T08:00:00")
    add("b.png", texture(1) * 0.9, part="X1", time="2026-04-01T08:00:04")
    file = io.BytesIO()
    Image.fromarray(np.clip(texture(2), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=80)
    add("c.png", np.asarray(Image.open(file)), part="X2", time="2026-04-01T08:00:00")
    small = Image.fromarray(np.clip(texture(3), 0, 255).astype(np.uint8)).resize((120, 120))
    add("d.png", np.asarray(small), part="P3", time=None)
    scratched = texture(4)  # the same kind of part with the same ground, but seen anew
    add("e.png", scratched + rng.normal(0, 25, scratched.shape), part="X4", time=None)
    return root, pd.DataFrame(rows)


def test_near_copies_are_proved_and_told_apart(copies):
    root, rows = copies
    (found,) = near_copies(rows, root, None, ["part"], "time")
    pairs = {p: (d["copy_of"], d["kind"]) for p, d in zip(found.paths, found.details, strict=True)}
    assert pairs == {
        "a.png": ("00.png", "re-inspection"),
        "b.png": ("01.png", "burst"),
        "c.png": ("02.png", "copy"),
        "d.png": ("03.png", "same product"),
    }
    assert found.action == "kept together"
    assert same_picture(rows, [found]).tolist() == [*range(12), 0, 1, 2, 3, 12]


def test_an_embedding_nominates_what_the_hash_does_not(copies):
    root, rows = copies
    hashes = [int.from_bytes(np.random.default_rng(i).bytes(32)) for i in range(len(rows))]
    blind = rows.assign(perceptual_hash=[f"{h:064x}" for h in hashes])
    assert near_copies(blind, root, None, ["part"], "time") == []
    vectors = np.random.default_rng(0).normal(size=(len(rows), 4))
    vectors[12] = vectors[0] + 1e-3
    (found,) = near_copies(blind, root, None, ["part"], "time", vectors)
    assert found.paths == ("a.png",)


def test_a_picture_that_has_gone_is_no_copy(copies, tmp_path):
    assert near_copies(copies[1], tmp_path, None) == []
    assert near_copies(copies[1].iloc[:0], tmp_path, None) == []


def test_kinds_need_what_they_say():
    def of(parts, times):
        return kind(pd.DataFrame({"part": parts, "captured": times}), ["part"], None)

    at = "2026-04-01T08:00:00"
    assert of(["P", "P"], [at, "2026-04-01T08:00:10"]) == "burst"
    assert of(["P", "P"], [at, "2026-04-01T08:00:11"]) == "re-inspection"
    assert of(["P", "Q"], [at, "2026-04-01T08:00:11"]) == "copy"
    assert of(["P", "P"], [at, at]) == "copy"
    assert of(["P", "P"], ["", at]) == "same product"
    assert of([None, None], ["", ""]) == "copy"


def test_leaks_are_named_by_what_leaks():
    rows = pd.DataFrame({"path": list("abcdef"), "fold": ["x", "y", "x", "x", "y", None]})
    together = {"lot": np.array([0, 0, 1, 1, 2, 2]), "exact_copy": np.arange(6)}
    (found,) = leakage(rows, "fold", together)
    assert found.paths == ("a", "b")
    assert (found.evidence["by"], found.evidence["n_sets"]) == ("lot", 1)
    assert [d["split"] for d in found.details] == ["x", "y"]


def test_the_audit_finds_every_planted_leak_and_no_other(path_walked):
    """A split of the user's: by lot, and then every copy thrown into the other half."""
    scan = path_walked.scan
    truth = pd.read_csv(path_walked.truth, keep_default_na=False)
    copies = truth[truth["kind"].str.endswith("_copy")].set_index("path")["detail"]
    half = pd.factorize(scan.table["lot"])[0] % 2
    fold = pd.Series(np.where(half, "train", "test"), scan.table["path"])
    clean = scan.table.assign(fold=fold.to_numpy())

    def leaks(rows):
        changed = type(scan)(scan.root, rows, True)
        audit = data_prep.audit(changed, groups=["camera", "lot"], split="fold")
        return {p for f in audit.findings if f.rule == "leakage" for p in f.paths}

    assert leaks(clean) == set()
    fold[copies.index] = fold[copies.to_numpy()].map({"train": "test", "test": "train"}).to_numpy()
    named = leaks(scan.table.assign(fold=fold.to_numpy()))
    assert set(copies.index) | set(copies) <= named
    lots = scan.table.set_index("path")["lot"]
    assert set(lots[list(named)]) == set(lots[list(copies.index)])
