"""Laws of the stored assignment: nothing is lost, 5 bytes an image are enough, and old runs still load."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from natkit import NAT
from natkit.method.objectives.assigned import (
    narrow,
    pack,
    read_assignment,
    unpack,
    width,
    write_assignment,
)
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.objectives.targets import targets

SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu", "matching": "exact"}


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (48, 16, 16), dtype=np.uint8)


@given(st.lists(st.integers(0, 5000), unique=True), st.booleans())
def test_ids_come_back_in_their_order(ids, rising):
    ids = np.array(sorted(ids) if rising else ids, np.int64)
    kept = pack(ids)
    assert sum(part.nbytes for part in kept.values()) <= 4 * len(ids)
    np.testing.assert_array_equal(unpack(kept), ids)


def test_ids_that_fill_more_than_one_block_come_back():
    ids = np.flatnonzero(np.arange(2**24) % 3 > 0)
    kept = pack(ids)
    assert set(kept) == {"id_bits"}
    np.testing.assert_array_equal(unpack(kept), ids)


def test_hundred_million_images_take_half_a_gigabyte(tmp_path):
    """5 bytes an image, its id included, shown on a hundredth of them."""
    n, file = 10**6, tmp_path / "assignment.npz"
    held = np.random.default_rng(0).permutation(n)
    write_assignment(file, np.arange(n), held)
    assert file.stat().st_size <= 5 * n
    ids, got = read_assignment(file)
    assert got.nbytes + pack(ids)["id_bits"].nbytes <= 5 * n
    np.testing.assert_array_equal(ids, np.arange(n))
    np.testing.assert_array_equal(got, held)


@pytest.mark.parametrize(
    ("top", "dtype"),
    [(-1, np.int32), (2**31 - 1, np.int32), (2**31, np.int64), (2**32, np.int64)],
)
def test_numbers_beyond_four_bytes_are_kept(top, dtype, tmp_path):
    assert width(top) is dtype
    held = np.array([0, -1, top], np.int64)
    assert narrow(held).dtype == dtype
    write_assignment(tmp_path / "a.npz", held + 1, held)
    ids, got = read_assignment(tmp_path / "a.npz")
    np.testing.assert_array_equal(ids, held + 1)
    np.testing.assert_array_equal(got, held)


def test_targets_of_four_byte_numbers_are_those_of_eight():
    index = torch.tensor([0, 1, 2**25, 2**31 - 1])
    assert torch.equal(targets(index.int(), 64), targets(index, 64))


def test_two_files_in_one_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.arange(4), targets=np.arange(3))
    with pytest.raises(ValueError, match="4 ids for 3 targets"):
        read_assignment(tmp_path / "a.npz")


# --- runs of version 1


def test_a_run_of_version_1_loads(pictures, tmp_path):
    model = NAT(**SMALL).fit(pictures)
    model.save(tmp_path / "run")
    held = model.assignment.astype(np.int64)
    np.savez(tmp_path / "run" / "assignment.npz", ids=np.arange(48), targets=held)
    file = tmp_path / "run" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 1}))
    loaded = NAT.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.ids, np.arange(48))
    np.testing.assert_array_equal(loaded.assignment, model.assignment)
    assert loaded.assignment.dtype == np.int32


def as_version_1(file) -> None:
    """Write a training state as natkit 0.1 did: all numbers int64, ids one by one."""
    with safe_open(file, "pt") as stored:
        facts = json.loads(stored.metadata()["natkit"])
        kept = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
    for place in ("", "past."):
        if f"{place}id_bits" in kept:
            bits = {"id_bits": kept.pop(f"{place}id_bits").numpy()}
            kept[f"{place}ids"] = torch.from_numpy(unpack(bits)).long()
    for name in ("matcher.held", "past.targets"):
        if name in kept:
            kept[name] = kept[name].long()
    save_file(kept, file, {"natkit": json.dumps(facts | {"version": 1})})


class OneEpoch(NoiseAsTargets):
    """Stops when the second epoch begins."""

    def open(self, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        super().open(epoch)


def test_a_checkpoint_of_version_1_goes_on_to_the_bit(pictures, tmp_path):
    first, more = pictures[:32], pictures[32:]
    whole = NAT(**SMALL).fit(first).partial_fit(more)
    begun = NAT(**SMALL).fit(first)
    begun.new_objective = lambda held: OneEpoch(held, begun, begun.device_)
    with pytest.raises(KeyboardInterrupt):
        begun.partial_fit(more, checkpoint=tmp_path)
    as_version_1(tmp_path / "state.safetensors")
    early = NAT.load(tmp_path)
    np.testing.assert_array_equal(early.ids, np.arange(48))
    np.testing.assert_array_equal(early.assignment[:32], begun.assignment)
    resumed = NAT(**SMALL).fit(first).partial_fit(more, checkpoint=tmp_path)
    np.testing.assert_array_equal(resumed.assignment, whole.assignment)
    for key, value in whole.backbone.state_dict().items():
        assert torch.equal(resumed.backbone.state_dict()[key], value), key
