"""Copies: exact ones by pixels, near ones proved by pixels and told apart by the table, leaks named."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

import data_prep
from data_prep.rules.duplicates import exact_copies, kind, leakage, near_copies, same_picture
from data_prep.rules.likeness import Look, alike, fingerprint, nominate


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


def saved_again(pixels, how):
    """One picture as it may be saved a second time; uint8 in, uint8 out."""
    if how == "brighter":
        pixels = pixels * 1.05
    if how == "shifted":
        pixels = np.roll(pixels * 0.97, 1, axis=1)
    pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    if how == "compressed":
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=80)
        return np.asarray(Image.open(file))
    if how == "smaller":
        width, height = (3 * side // 4 for side in pixels.shape[1::-1])
        return np.asarray(Image.fromarray(pixels).resize((width, height)))
    return pixels


HOW = ("brighter", "shifted", "compressed", "smaller")


def fixture_part(i, noise, jitter=0):
    """A part as a fixture holds it: the same for every ``i`` but for noise, place and, on one in five, a scratch."""
    rng = np.random.default_rng([5, i])
    x, y = rng.integers(-jitter, jitter + 1, 2)
    image = Image.new("L", (120, 120), 60)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((15 + x, 20 + y, 105 + x, 100 + y), 9, fill=150)
    draw.ellipse((45 + x, 45 + y, 75 + x, 75 + y), fill=70)
    if i % 5 == 0:
        left, top = rng.integers(25, 85, 2)
        draw.line((left, top, left + 14, top + 5), fill=190, width=2)
    return np.clip(np.rint(np.asarray(image) + rng.normal(0, noise, (120, 120))), 0, 255)


def written(folder, pictures):
    """The table of pictures, by name, in a folder."""
    for name, pixels in pictures.items():
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
    return pd.DataFrame({"path": sorted(pictures), "captured": ""})


def copied(found):
    """(copy, original) of every near copy, either way round."""
    return {
        frozenset((path, facts["copy_of"]))
        for finding in found
        for path, facts in zip(finding.paths, finding.details, strict=True)
    }


@pytest.mark.parametrize(("noise", "jitter"), [(2, 0), (4, 1)])
def test_among_parts_that_are_all_alike_the_copies_are_found_and_nothing_else(
    noise, jitter, tmp_path
):
    parts = {f"{i:03}.png": fixture_part(i, noise, jitter) for i in range(60)}
    planted = {}
    for i, how in enumerate(HOW * 2):
        original = f"{7 * i:03}.png"
        parts[f"z{i}.png"] = saved_again(parts[original], how)
        planted[f"z{i}.png"] = original
    found = near_copies(written(tmp_path, parts), tmp_path, None)
    assert copied(found) == {frozenset(pair) for pair in planted.items()}


def test_a_part_with_a_defect_is_no_copy_of_the_same_drawing_without_it(tmp_path):
    """Drawings have no grain that could tell them apart; a missing line does."""
    rng = np.random.default_rng(0)
    boards = {}
    for i in range(12):
        board = np.kron(rng.random((20, 20)) < 0.4, np.ones((12, 12))) * 255
        boards[f"{i:02}.png"], faulty = board, board.copy()
        place = rng.integers(60, 160, 2)
        faulty[place[0] : place[0] + 16, place[1] : place[1] + 16] = 255 - board[place[0], place[1]]
        boards[f"{i:02}-ng.png"] = faulty
    boards["again.png"] = saved_again(boards["03.png"], "compressed")
    found = copied(near_copies(written(tmp_path, boards), tmp_path, None))
    assert found == {frozenset(("again.png", "03.png"))}


@pytest.mark.parametrize("n", [11, 200])
def test_no_more_than_three_a_picture_are_nominated_and_the_twin_is_one_of_them(n):
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=300) * 9, rng.normal(size=(n, 300))
    own[-1] = own[2] + 0.1 * rng.normal(size=300)
    pairs = nominate((common + own).astype(np.float32))
    assert (2, n - 1) in pairs
    assert len(pairs) <= 3 * n
    assert all(i < j for i, j in pairs)


def test_nominating_block_by_block_misses_no_pair(monkeypatch):
    fingers = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    fingers[30:] = fingers[:10] + 0.1 * fingers[10:20]
    whole = nominate(fingers.copy())
    assert {(i, i + 30) for i in range(10)} <= whole
    monkeypatch.setattr("data_prep.rules.likeness.BLOCK", 7)
    assert nominate(fingers.copy()) == whole


def test_a_few_pictures_are_compared_with_each_other():
    assert nominate(np.zeros((4, 9), np.float32)) == {(i, j) for j in range(4) for i in range(j)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(-6, 6), st.integers(-6, 6), st.floats(0.3, 3))
def test_a_fingerprint_stays_when_a_picture_is_moved_or_brighter(seed, down, right, gain):
    picture = np.random.default_rng(seed).normal(size=(64, 64)).astype(np.float32)
    moved = np.roll(gain * picture, (down, right), (0, 1))
    change = fingerprint(moved) - fingerprint(picture)
    assert np.allclose(change, np.log(gain), atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(-9, 9), st.integers(-9, 9))
def test_likeness_finds_the_shift_and_is_the_same_both_ways(seed, down, right):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, 300, 300)).astype(np.float32) * 9
    moved = np.roll(one, (2 * down, 2 * right), (0, 1))
    assert alike(Look(one), Look(moved)) > 0.96
    assert alike(Look(moved), Look(one)) > 0.96
    assert alike(Look(one), Look(other)) is None


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
        rows.append({"path": name, "captured": "", "part": None, "time": None, **facts})

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
