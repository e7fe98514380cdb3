"""Laws of the shards: the pixels are those of the files, the order shows each once, and what is broken is named."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import natkit
from natkit import NAT, InputError
from natkit.data import annotations, manifest, shards
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.training import checkpoint, loop

SMALL = {"epochs": 2, "size": 8, "batch_size": 16, "device": "cpu", "network": "small"}


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """4 images a group, 2 groups a file, 3 groups together."""
    for name, value in {"GROUP": 4, "SHARD": 2, "TOGETHER": 3}.items():
        monkeypatch.setattr(shards, name, value)


def prepared(folder, dtype=np.uint16, n=60):
    """A prepared folder of n pictures; its splits alternate and its ids are 10 · row."""
    rng, root = np.random.default_rng(0), folder / "root"
    root.mkdir()
    for row in range(n):
        pixels = rng.integers(0, np.iinfo(dtype).max, (9, 10), dtype=dtype)
        Image.fromarray(pixels).save(root / f"{row}.png")
    table = pd.DataFrame({"id": 10 * np.arange(n), "path": [f"{row}.png" for row in range(n)]})
    table["split"] = np.resize(["train", "train", "val", "train", "test"], n)
    table = table.assign(weight=1.0, width=10, height=9, channels=1, pixel_hash="")
    table["bits"] = 8 * np.dtype(dtype).itemsize
    ledger = pd.DataFrame(columns=annotations.LEDGER)
    manifest.write(folder / "prepared", root, table, ledger, {"label": None, "groups": []})
    return natkit.load(folder / "prepared")


@pytest.fixture
def sharded(tmp_path):
    return prepared(tmp_path).shard()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_streamed_pixels_are_those_of_the_files(tmp_path, dtype):
    """For any rows, in any order, in their own depth; also when the files have gone."""
    images = prepared(tmp_path, dtype)
    known = images.pixels(8)
    images.shard()
    shutil.rmtree(tmp_path / "root")
    mixed = images[np.random.default_rng(1).permutation(60)[:37]]
    for some in (images, images[images.split == "train"], mixed):
        stream = some.stream(8)
        assert isinstance(stream, shards.Stream)
        assert (stream.shape, stream.dtype) == ((len(some), 8, 8, 1), dtype)
        rows = np.random.default_rng(2).integers(0, len(some), 50)
        expected = known[some.ids // 10]
        np.testing.assert_array_equal(stream[rows], expected[rows])
        np.testing.assert_array_equal(stream[5:30], expected[5:30])
        np.testing.assert_array_equal(np.asarray(stream), expected)
        np.testing.assert_array_equal(
            np.sort(stream.some(10**6), axis=0), np.sort(expected, axis=0)
        )


def test_an_epoch_shows_each_image_once_in_an_order_of_seed_and_epoch(sharded):
    train = sharded[sharded.split == "train"].stream(8)
    orders, group = [], np.empty(len(train), int)
    group[train.sorted] = np.arange(len(train)) // 4
    for epoch in (0, 1):
        order, again = (train.order(np.random.default_rng([7, epoch])) for _ in range(2))
        np.testing.assert_array_equal(order, again)
        np.testing.assert_array_equal(np.sort(order), np.arange(len(train)))
        orders.append(order)
    assert (orders[0] != orders[1]).mean() > 0.7
    assert set(group[orders[0][:12]]) != set(group[orders[1][:12]])
    # images that stand together in a shard are apart, and those of a window stay in it
    for start in range(0, len(train), 12):
        assert len(set(group[orders[0][start : start + 12]])) == 3
    assert (np.diff(group[orders[0]]) != 0).mean() > 0.4


def test_no_more_than_two_windows_are_in_memory(sharded):
    stream, most = sharded.stream(8), 0
    order = stream.order(np.random.default_rng(0))
    for start in range(0, len(order), 5):
        stream[order[start : start + 5]]
        most = max(most, len(stream.blocks))
    assert most <= 3 * shards.TOGETHER  # a batch may lie across two windows


# --- training


def same(a: NAT, b: NAT) -> None:
    for ours, theirs in ((a.backbone, b.backbone), (a.head, b.head)):
        for key, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[key], value), key
    np.testing.assert_array_equal(a.assignment, b.assignment)
    np.testing.assert_array_equal(a.ids, b.ids)
    for ours, theirs in zip(a.history, b.history, strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


@pytest.mark.parametrize("matching", ["soft", "exact"])
def test_training_from_shards_is_the_same_nat(tmp_path, matching, monkeypatch):
    """In the same order, the same network and assignment to the bit as from pixels in memory; and embedding too."""
    images = prepared(tmp_path)
    train = images[images.split == "train"]
    streamed = prepared_copy(images).shard()
    order = streamed[streamed.split == "train"].stream(8).order
    with monkeypatch.context() as patch:
        patch.setattr(loop.Loop, "_order", lambda self, rng: order(rng))
        held = NAT(**SMALL, matching=matching).fit(train)
    model = NAT(**SMALL, matching=matching).fit(streamed)
    same(model, held)
    np.testing.assert_array_equal(model.embed(streamed).vectors, held.embed(images).vectors)


def prepared_copy(images):
    folder = images.prepared.folder
    shutil.copytree(folder, folder.with_name("copy"))
    return natkit.load(folder.with_name("copy"))


@pytest.mark.parametrize(
    "settings",
    [{"matching": "soft"}, {"matching": "exact", "pool": 24}, {"n_views": 1, "optimizer": "sgd"}],
    ids=["soft", "exact", "one view"],
)
def test_a_run_killed_in_mid_epoch_goes_on_to_the_bit(sharded, tmp_path, settings, monkeypatch):
    """Killed behind every step in turn, and gone on with from the state of that step."""
    settings = SMALL | {"batch_size": 8, "network": "small"} | settings
    whole = NAT(**settings).fit(sharded)
    monkeypatch.setattr(loop, "KEEP", 0.0)
    keep, kept = checkpoint.keep, []

    class Killed(Exception):
        pass

    def keep_and_die(run, *given):
        keep(run, *given)
        kept.append((len(run.history), len(run.marks)))
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "keep", keep_and_die)
        for _ in range(7):
            with pytest.raises(Killed):
                NAT(**settings).fit(sharded, checkpoint=tmp_path / "state")
    assert kept == [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
    same(NAT(**settings).fit(sharded, checkpoint=tmp_path / "state"), whole)
    same(NAT.load(tmp_path / "state"), whole)


def test_within_an_epoch_the_state_is_kept_now_and_then(sharded, tmp_path, monkeypatch):
    """Not with whole_set, whose matching beside the epoch begins anew."""
    seen = []
    monkeypatch.setattr(checkpoint, "keep", lambda run, *given: seen.append(len(run.marks)))
    settings = SMALL | {"batch_size": 8, "matching": "exact", "epochs": 1}
    pixels = np.asarray(sharded.stream(8))
    NAT(**settings).fit(pixels, checkpoint=tmp_path)
    monkeypatch.setattr(loop, "KEEP", 0.0)
    NAT(**settings).fit(pixels, checkpoint=tmp_path)
    NAT(**settings, whole_set=True).fit(pixels, checkpoint=tmp_path)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 0, 0]


def test_what_needs_all_images_at_hand_is_refused(sharded):
    for given, settings in (({"sample_weight": np.ones(60)}, {}), ({}, {"whole_set": True})):
        with pytest.raises(InputError, match="whole_set and sample_weight"):
            NAT(**SMALL, matching="exact", **settings).fit(sharded, **given)


# --- what is broken


def shard_files(images) -> list:
    return sorted((images.prepared.folder / "shards").glob("train-*.parquet"))


def test_a_shard_cut_short_is_named_with_the_image_and_the_byte(sharded):
    file = shard_files(sharded)[2]
    content = file.read_bytes()
    facts = json.loads((file.parent / "shards.json").read_text())
    end = next(f["ends"][0] for f in facts["files"] if f["name"] == file.name)
    last = len(content) - 1
    for length, lost in (
        (end + 1, f"what lies from image 4 on (byte {end})"),
        (end - 1, "what lies from image 0 on (byte 4)"),
        (0, "what lies from image 0 on (byte 4)"),
        (last, "the table of contents at its end"),
    ):
        file.write_bytes(content[:length])
        with pytest.raises(InputError, match="is cut short") as error:
            NAT(**SMALL).fit(sharded)
        said = str(error.value)
        assert f"{file} is cut short: {length} of {len(content)} bytes. Lost is {lost}" in said
        assert file.read_bytes() == content[:length]
    file.write_bytes(content)
    assert len(NAT(**SMALL).fit(sharded).ids) == 36


def test_a_missing_or_longer_shard_is_named(sharded):
    file = shard_files(sharded)[1]
    content = file.read_bytes()
    file.write_bytes(content + b"more")
    with pytest.raises(InputError, match=rf"{file.name} has {len(content) + 4} bytes"):
        sharded.stream(8)
    file.unlink()
    with pytest.raises(InputError, match=rf"{file.name} is missing; it holds 8 images"):
        sharded.stream(8)


def test_a_flipped_bit_is_found_and_the_state_before_it_kept(sharded, tmp_path):
    """Every byte of the pictures is under a checksum; the run goes on when the shard is mended."""
    file = shard_files(sharded)[2]
    content = bytearray(file.read_bytes())
    facts = json.loads((file.parent / "shards.json").read_text())
    ends = next(f["ends"] for f in facts["files"] if f["name"] == file.name)
    spot = (ends[0] + ends[1]) // 2
    whole, model = NAT(**SMALL).fit(sharded), NAT(**SMALL)
    content[spot] ^= 1

    class Damaging(NoiseAsTargets):
        def close(self, rows):
            file.write_bytes(content)
            model.running.batches.pixels.blocks.clear()
            return super().close(rows)

    model.new_objective = lambda held: Damaging(held, model, model.device_)
    with pytest.raises(InputError, match=r"group 1 \(bytes .*checksum.*state after epoch 1"):
        model.fit(sharded, checkpoint=tmp_path / "state")
    content[spot] ^= 1
    file.write_bytes(content)
    same(NAT(**SMALL).fit(sharded, checkpoint=tmp_path / "state"), whole)


def test_shards_of_another_manifest_are_refused(tmp_path):
    """Those of another folder, and a single file of another."""
    for name, n in (("a", 60), ("b", 65)):
        (tmp_path / name).mkdir()
        prepared(tmp_path / name, n=n).shard()
    one, other = (tmp_path / name / "prepared" / "shards" for name in "ab")
    facts = (one / "shards.json").read_text()
    images, (first, second) = natkit.load(one.parent), shard_files(natkit.load(one.parent))[:2]
    first.write_bytes(second.read_bytes())
    said = json.loads(facts)
    said["files"][0]["bytes"] = second.stat().st_size
    (one / "shards.json").write_text(json.dumps(said))
    with pytest.raises(
        InputError, match=r"train-00000.*group 0.*holds other images than the manifest"
    ):
        NAT(**SMALL).fit(images)
    shutil.rmtree(one)
    shutil.copytree(other, one)
    with pytest.raises(InputError, match="written for another manifest"):
        images.stream(8)
    (one / "shards.json").write_text("{}")
    with pytest.raises(InputError, match="does not say what the shards hold"):
        images.stream(8)


def test_shards_are_written_whole_or_not_at_all(tmp_path):
    images = prepared(tmp_path)
    (tmp_path / "root" / "33.png").unlink()
    with pytest.raises(InputError, match=r"33\.png could be read when"):
        images.shard()
    assert not (images.prepared.folder / "shards").exists()
    assert not list(images.prepared.folder.glob(".*part*"))
    Image.fromarray(np.zeros((9, 10), np.uint16)).save(tmp_path / "root" / "33.png")
    images.shard()
    with pytest.raises(InputError, match="never overwritten"):
        images.shard()
