"""Laws of the loop: the paper's step, resuming to the bit, and what happens when things go wrong."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from natkit import NAT, InputError
from natkit.method.batches import Batches, Scaling
from natkit.method.describe import describe
from natkit.method.objectives.matching import NoiseAsTargets, square_loss
from natkit.method.objectives.objective import Objective
from natkit.method.objectives.targets import targets
from natkit.method.settings import PAPER, Settings
from natkit.method.training.loop import Loop
from natkit.method.training.passes import parts_of
from natkit.method.training.state import restore, state_of
from natkit.method.views.images import Views

STILL = Views(crop=(1.0, 1.0), flip=False, brightness=0, contrast=0, blur=0, small=0)
SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu"}


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (48, 16, 16), dtype=np.uint8)


def with_objective(kind: type[NoiseAsTargets], **settings) -> NAT:
    """A NAT with another objective."""

    model = NAT(**settings)
    model.new_objective = lambda held: kind(held, model, model.device_)
    return model


def watched(act, **settings) -> NAT:
    """A NAT that calls ``act(step, loss)`` in each step, counted from 0, and learns from what that returns."""
    numbers = itertools.count()

    class Watched(NoiseAsTargets):
        def loss(self, *batch):
            return act(next(numbers), super().loss(*batch))

    return with_objective(Watched, **settings)


class Stop(Exception):
    pass


class OneEpoch(NoiseAsTargets):
    """Stops when the second epoch begins."""

    def open(self, epoch):
        super().open(epoch)
        if epoch == 1:
            raise Stop


def nat_loop(encoder: nn.Module, pixels: np.ndarray, held: np.ndarray, settings: Settings) -> Loop:
    objective = NoiseAsTargets(held, settings, torch.device("cpu"))
    return Loop(encoder, pixels, Scaling.of(pixels), settings, objective)


def linear(pixels: np.ndarray, dim: int) -> nn.Sequential:
    """A backbone that only flattens and a linear head."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels[0].size, dim)).double().float()


def paper_step(x: np.ndarray, weight, bias, noise, lr: float):
    """The paper's loss, matching and SGD step of a linear encoder, in plain NumPy, by trying every permutation.

    x (n, p) standardised pixels; noise (n, d) the targets. Loss ½ Σ ‖u − c‖², summed over batch and dimensions.
    """
    z = x @ weight.T + bias
    length = np.linalg.norm(z, axis=1, keepdims=True)
    u = z / length
    cost = ((u[:, None] - noise) ** 2).sum(axis=2)
    rows = np.arange(len(x))
    best = min(itertools.permutations(rows), key=lambda p: cost[rows, list(p)].sum())
    away = u - noise[list(best)]
    slope = (away - u * (u * away).sum(axis=1, keepdims=True)) / length
    step = weight - lr * slope.T @ x, bias - lr * slope.sum(axis=0)
    return 0.5 * (away**2).sum(), best, step


def test_one_step_of_the_paper_against_numpy():
    """NAT.paper's settings on a linear encoder: loss, matching and update are those of the paper."""
    n, dim = 8, 5
    pixels = np.random.default_rng(1).integers(0, 255, (n, 4, 4, 1), dtype=np.uint8)
    settings = NAT.paper(epochs=1, dim=dim, batch_size=n, views=STILL, device="cpu")
    encoder = linear(pixels, dim)
    weight, bias = (p.detach().double().numpy() for p in encoder[1].parameters())
    run = nat_loop(encoder, pixels, np.arange(n), settings)
    run.train()

    x = pixels.reshape(n, -1) / 255
    x = (x - x.mean()) / x.std()
    noise = targets(torch.arange(n), dim, settings.seed).double().numpy()
    loss, best, (new_weight, new_bias) = paper_step(x, weight, bias, noise, lr=0.01)
    assert run.history[0]["loss"] * n == pytest.approx(loss, rel=1e-5)
    np.testing.assert_array_equal(run.objective.held, best)
    np.testing.assert_allclose(encoder[1].weight.detach(), new_weight, atol=1e-6)
    np.testing.assert_allclose(encoder[1].bias.detach(), new_bias, atol=1e-6)
    assert np.abs(new_weight - weight).max() > 1e-3  # the step is no rounding error


def test_the_paper_matches_in_every_third_epoch(pictures):
    """Between matchings every image keeps its target."""
    settings = {"size": 64, "batch_size": 16, "device": "cpu", "dim": 8, "head_width": 16}
    model = NAT.paper(epochs=4, **settings).fit(pictures)
    changed = [row["changed"] for row in model.history]
    assert changed[0] > 0
    assert changed[1:3] == [0, 0]
    assert changed[3] > 0
    assert model.transform(pictures).shape == (48, 9216)
    assert model.history[0]["agreement"] is None


def test_paper_keeps_what_it_is_told():
    model = NAT.paper(epochs=3)
    assert model.get_params()["epochs"] == 3
    assert {k: v for k, v in model.get_params().items() if k in PAPER and k != "epochs"} == {
        k: v for k, v in PAPER.items() if k != "epochs"
    }


def test_one_target_for_all_views_is_best_met_by_their_mean():
    """mean ½‖view − c‖² = ½‖mean − c‖² + ½ mean ‖view − mean‖²."""
    views, wanted = torch.randn(3, 5, 7), torch.randn(1, 5, 7)
    middle = views.mean(dim=0)
    parts = 0.5 * ((middle - wanted[0]) ** 2).sum(dim=1)
    parts += 0.5 * ((views - middle) ** 2).sum(dim=2).mean(dim=0)
    torch.testing.assert_close(square_loss(views, wanted), parts)


# --- resuming


@pytest.mark.parametrize(
    "settings",
    [{}, {"matching": "exact", "pool": 32, "whole_set": True}, {"optimizer": "sgd", "lr": 0.1}],
    ids=["soft", "exact", "sgd"],
)
def test_a_run_goes_on_as_if_never_stopped(settings, pictures, tmp_path):
    """Stopped after one of three epochs, and gone on with: the same weights, history and assignment, to the bit."""
    settings = SMALL | {"epochs": 3} | settings
    whole = NAT(**settings).fit(pictures)
    with pytest.raises(Stop):
        with_objective(OneEpoch, **settings).fit(pictures, checkpoint=tmp_path)
    resumed = NAT(**settings).fit(pictures, checkpoint=tmp_path)
    same_run(resumed, whole)
    again = NAT(**settings).fit(pictures, checkpoint=tmp_path)  # nothing is left to do
    same_run(again, whole)
    same_run(NAT.load(tmp_path), whole)


def same_run(a: NAT, b: NAT) -> None:
    for ours, theirs in ((a.backbone, b.backbone), (a.head, b.head)):
        for key, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[key], value), key
    np.testing.assert_array_equal(a.assignment, b.assignment)
    np.testing.assert_array_equal(a.ids, b.ids)
    for ours, theirs in zip(a.history, b.history, strict=True):
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}


KILLED = """
import sys, numpy as np, torch
from natkit import NAT
torch.set_num_threads(1)
pictures = np.random.default_rng(0).integers(0, 255, (256, 16, 16), dtype=np.uint8)
settings = {"epochs": 12, "size": 16, "batch_size": 16, "device": "cpu", "seed": 5}
settings |= {"matching": "exact", "whole_set": True, "pool": 32}
print("ready", flush=True)
NAT(**settings).fit(pictures, checkpoint=sys.argv[1]).save(sys.argv[2])
"""


def test_killed_at_random_moments_it_ends_the_same(tmp_path):
    """SIGKILL at three random moments; then the run ends with the files of an undisturbed one."""
    clock = random.Random()  # other moments in every run of the tests
    command = [sys.executable, "-c", KILLED]
    process = subprocess.Popen(
        [*command, tmp_path / "calm", tmp_path / "expected"], stdout=subprocess.PIPE
    )
    process.stdout.readline()
    start = time.monotonic()
    assert process.wait(timeout=240) == 0
    calm = time.monotonic() - start
    process.stdout.close()
    killed = 0
    for _ in range(3):
        process = subprocess.Popen(
            [*command, tmp_path / "wild", tmp_path / "end"], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        time.sleep(clock.uniform(0, calm))
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 1
    if not (tmp_path / "end").exists():
        subprocess.run([*command, tmp_path / "wild", tmp_path / "end"], check=True, timeout=120)
    for name in ("backbone.safetensors", "head.safetensors"):
        assert (tmp_path / "end" / name).read_bytes() == (
            tmp_path / "expected" / name
        ).read_bytes(), name
    ends = [np.load(tmp_path / run / "assignment.npz") for run in ("end", "expected")]
    np.testing.assert_array_equal(ends[0]["targets"], ends[1]["targets"])
    assert [p.name for p in (tmp_path / "wild").iterdir()] == ["state.safetensors"]


def test_a_run_goes_on_with_another_number_of_images_at_once(pictures, tmp_path):
    """Other batch norms, so not to the bit; but it is the same run: history, order and targets go on."""
    settings = SMALL | {"epochs": 3, "matching": "exact", "dim": 8}
    with pytest.raises(Stop):
        with_objective(OneEpoch, **settings).fit(pictures, checkpoint=tmp_path)
    begun, steps = NAT.load(tmp_path).history, []
    model = watched(lambda step, loss: steps.append(step) or loss, **settings, micro_batch=8)
    model.fit(pictures, checkpoint=tmp_path)
    assert model.history[:1] == begun
    assert steps == list(range(6))
    assert sorted(model.assignment) == list(range(48))


def test_a_checkpoint_of_another_run_is_refused(pictures, tmp_path):
    NAT(**SMALL).fit(pictures, checkpoint=tmp_path)
    before = (tmp_path / "state.safetensors").read_bytes()
    with pytest.raises(InputError, match="epochs 2 instead of 3"):
        NAT(**SMALL | {"epochs": 3}).fit(pictures, checkpoint=tmp_path)
    with pytest.raises(InputError, match="network 'small' instead of 'resnet18'"):
        NAT(**SMALL | {"network": "resnet18", "size": 32}).fit(pictures, checkpoint=tmp_path)
    with pytest.raises(InputError, match="other images"):
        NAT(**SMALL).fit(255 - pictures, checkpoint=tmp_path)
    assert (tmp_path / "state.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04pickle", b"\x10" + bytes(7) + b"{}" + bytes(14), "cut"]
)
def test_a_broken_checkpoint_is_refused_and_kept(content, pictures, tmp_path):
    file = tmp_path / "state.safetensors"
    NAT(**SMALL).fit(pictures, checkpoint=tmp_path)
    broken = file.read_bytes()[:-100] if content == "cut" else content
    file.write_bytes(broken)
    for read in (
        lambda: NAT(**SMALL).fit(pictures, checkpoint=tmp_path),
        lambda: NAT.load(tmp_path),
    ):
        with pytest.raises(InputError, match="not a training state"):
            read()
    assert file.read_bytes() == broken


@pytest.mark.parametrize(
    "lacks", ["encoder.0.net.stem.weight", "matcher.held", "history", "settings"]
)
def test_a_checkpoint_that_lacks_something_is_refused(lacks, pictures, tmp_path):
    file = tmp_path / "state.safetensors"
    NAT(**SMALL).fit(pictures, checkpoint=tmp_path)
    with safe_open(file, "pt") as stored:
        facts, names = json.loads(stored.metadata()["natkit"]), stored.keys()
        kept = {name: stored.get_tensor(name).clone() for name in names if name != lacks}
    facts.pop(lacks, None)
    save_file(kept, file, {"natkit": json.dumps(facts)})
    with pytest.raises(InputError, match="not a training state"):
        NAT(**SMALL).fit(pictures, checkpoint=tmp_path)


def test_random_numbers_of_another_kind_of_device_are_left_out(pictures):
    """A state of a GPU, kept within an epoch, goes on on a CPU: with other views, but it goes on."""
    settings = Settings(**SMALL, matching="exact", dim=8, views=STILL)
    stacked = pictures[..., None]
    begun, other = (nat_loop(linear(stacked, 8), stacked, np.arange(48), settings) for _ in "ab")
    rows = begun._open(0)[:16]
    begun.start, begun.marks = time.perf_counter(), [begun.step(np.sort(rows), 0)]
    state = state_of(begun) | {"middle.views": torch.zeros(16, dtype=torch.uint8)}
    restore(other, state, [])
    other.train()
    assert (other.done, len(other.history)) == (6, 2)
    assert sorted(other.objective.held) == list(range(48))


# --- when things go wrong


def test_a_broken_loss_names_the_step_and_the_last_good_state(pictures, tmp_path):
    """Epoch 2 gives NaN: the error says where, and the state after epoch 1 can be read."""
    bad = watched(lambda step, loss: loss if step < 3 else loss * float("nan"), **SMALL)
    with pytest.raises(InputError, match="nan at step 4 of 6.*after epoch 1 is in"):
        bad.fit(pictures, checkpoint=tmp_path)
    model = NAT.load(tmp_path)
    assert len(model.history) == 1
    assert np.isfinite(model.transform(pictures)).all()
    same_run(NAT(**SMALL).fit(pictures, checkpoint=tmp_path), NAT(**SMALL).fit(pictures))


def test_weights_that_broke_in_the_last_step_are_neither_returned_nor_kept(pictures, tmp_path):
    """One step an epoch: no later loss could tell. The state kept stays the one before, the model untrained."""
    model = NAT(**SMALL | {"batch_size": 48, "epochs": 1, "lr": 1e30})
    with pytest.raises(InputError, match="weights are NaN or huge after step 1 of 1"):
        model.fit(pictures, checkpoint=tmp_path)
    assert not list(tmp_path.iterdir())
    assert not hasattr(model, "backbone")


def test_one_broken_weight_is_enough(pictures):
    stacked = pictures[..., None]
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 8))
    run = nat_loop(encoder, stacked, np.arange(48), Settings(**SMALL))
    run._must_be_sound()
    for broken in (float("nan"), float("inf"), 1e16):
        encoder[1].bias.data[3] = broken  # the last of the weights; the others are sound
        with pytest.raises(InputError, match="NaN or huge"):
            run._must_be_sound()


def test_stopped_before_the_first_step_it_ends_with_the_first_epoch(pictures, tmp_path):
    """Ctrl-C while the whole set is matched: a model of one epoch, which can be saved and read."""

    class Stopped(NoiseAsTargets):
        def begin(self, everyone):
            super().begin(everyone)
            model.stop()

    model = with_objective(Stopped, **SMALL, matching="exact", whole_set=True)
    model.fit(pictures)
    assert len(model.history) == 1
    model.save(tmp_path / "run")
    assert NAT.load(tmp_path / "run").history == model.history


def test_other_gpus_of_the_host_are_left_alone(pictures, monkeypatch):
    """Saving the random numbers of all devices would wake every GPU, and warn."""
    asked = []
    fork = torch.random.fork_rng
    monkeypatch.setattr(torch.random, "fork_rng", lambda *a, **k: asked.append((a, k)) or fork([]))
    NAT(**SMALL).fit(pictures)
    assert (([],), {}) in asked
    assert ((), {}) not in asked


def interrupt(times: int) -> None:
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_epoch(pictures, capsys):
    """One Ctrl-C in the second epoch: two whole epochs, and a model that can be used."""
    settings = SMALL | {"epochs": 5}
    model = watched(lambda step, loss: interrupt(step == 4) or loss, **settings).fit(pictures)
    assert [row["epoch"] for row in model.history] == [1, 2]
    assert "Stopping when this epoch ends" in capsys.readouterr().out
    assert model.transform(pictures).shape == (48, 192)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_stops_at_once(pictures):
    with pytest.raises(KeyboardInterrupt):
        watched(lambda step, loss: interrupt(2) or loss, **SMALL).fit(pictures)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Tight(nn.Module):
    """A backbone that has memory for ``most`` pictures at once, without batch norm."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.seen = most, []

    def forward(self, x):
        self.seen.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x.flatten(1)


def test_out_of_memory_halves_the_images_at_once_and_keeps_the_pool(capsys):
    """The same weights and assignment as with memory enough, and it says so."""
    pixels = np.random.default_rng(2).integers(0, 255, (32, 6, 6, 1), dtype=np.uint8)
    ends = []
    for most in (64, 20):
        torch.manual_seed(1)
        encoder = nn.Sequential(Tight(most), nn.Linear(36, 8))
        settings = Settings(views=STILL, epochs=2, batch_size=32, dim=8, n_targets=64, size=8)
        run = nat_loop(encoder, pixels, np.full(32, -1), settings)
        run.train()
        ends.append(encoder[1].weight.detach())
    assert set(encoder[0].seen) == {64, 32, 16}
    torch.testing.assert_close(*ends, atol=1e-5, rtol=0)
    assert "from step 1 on they go through the network by 8" in capsys.readouterr().out


def test_the_first_matching_of_the_whole_set_halves_too(capsys):
    """It goes by ``micro_batch``, and by less where the memory is short."""
    pixels = np.random.default_rng(2).integers(0, 255, (32, 6, 6, 1), dtype=np.uint8)
    settings = {"views": STILL, "epochs": 1, "batch_size": 32, "dim": 8, "size": 8, "lr": 0.0}
    held = []
    for most, micro in ((64, None), (64, 8), (20, None)):
        torch.manual_seed(1)
        encoder = nn.Sequential(Tight(most), nn.Linear(36, 8))
        how = Settings(**settings, matching="exact", whole_set=True, micro_batch=micro)
        run = nat_loop(encoder, pixels, np.arange(32), how)
        run.train()
        assert max(encoder[0].seen) == (2 * micro if micro else 64)
        held.append(run.objective.held)
    np.testing.assert_array_equal(held[0], held[1])
    np.testing.assert_array_equal(held[0], held[2])
    assert "from step 1 on they go through the network by 8" in capsys.readouterr().out


class Contrast(Objective):
    """Of each image, all others push: no loss of an image alone (NT-Xent; Chen et al., ICML 2020)."""

    def loss(self, features, rows, epoch):
        one, other = features
        return nn.functional.cross_entropy(
            one @ other.T / 0.2, torch.arange(len(rows)), reduction="none"
        )


def test_a_loss_of_the_whole_batch_learns_the_same_in_parts():
    """Its gradient is that of one pass, however many images go through at once; else negatives would be missing."""
    pixels = np.random.default_rng(2).integers(0, 255, (32, 6, 6, 1), dtype=np.uint8)
    ends = {}
    for micro in (None, 20, 5):
        encoder = linear(pixels, 8)
        settings = {"epochs": 3, "batch_size": 16, "size": 8, "optimizer": "sgd", "lr": 0.1}
        settings |= {"views": Views(small=0), "micro_batch": micro}
        run = Loop(encoder, pixels, Scaling.of(pixels), Settings(**settings), Contrast())
        run.train()
        ends[micro] = encoder[1].weight.detach()
    assert (ends[None] - linear(pixels, 8)[1].weight).abs().max() > 1e-3
    torch.testing.assert_close(ends[20], ends[None], atol=0, rtol=0)
    torch.testing.assert_close(ends[5], ends[None], atol=1e-6, rtol=0)


def test_what_goes_through_twice_is_dropped_out_alike():
    """The features that the loss saw are those that its gradient goes back through, and each part has its own."""
    pixels = np.random.default_rng(2).integers(0, 255, (32, 6, 6, 1), dtype=np.uint8)
    encoder, out = linear(pixels, 8).append(nn.Dropout(0.5)), []
    encoder.register_forward_hook(lambda _, given, features: out.append(features.detach()))
    settings = Settings(batch_size=16, size=8, views=STILL, micro_batch=8)
    run = Loop(encoder, pixels, Scaling.of(pixels), settings, Contrast())
    before = torch.get_rng_state()
    run.step(np.arange(16), 0)
    first, second, first_again, second_again = out
    assert torch.equal(first, first_again)
    assert torch.equal(second, second_again)
    assert not torch.equal(first == 0, second == 0)
    assert not torch.equal(torch.get_rng_state(), before)


def test_parts_of_a_batch_are_even_and_whole():
    for n in range(1, 40):
        for most in range(1, 40):
            parts = parts_of(n, most)
            sizes = [part.stop - part.start for part in parts]
            assert [i for part in parts for i in range(n)[part]] == list(range(n))
            assert max(sizes) <= most
            assert max(sizes) - min(sizes) <= 1
            assert len(parts) == -(-n // most)


def test_memory_too_small_for_one_image_is_told():
    pixels = np.random.default_rng(2).integers(0, 255, (32, 6, 6, 1), dtype=np.uint8)
    encoder = nn.Sequential(Tight(0), nn.Linear(36, 8))
    settings = Settings(views=STILL, dim=8, size=8)
    run = nat_loop(encoder, pixels, np.full(32, -1), settings)
    with pytest.raises(InputError, match="One image of 8×8 does not fit"):
        run.train()


# --- small views


@pytest.mark.parametrize("matching", ["soft", "exact"])
def test_small_views_go_where_the_full_ones_of_their_image_go(matching, pictures):
    """To its target, or to the mean of the pseudo-targets: half the squared distance, a mean over all views."""
    settings = Settings(matching=matching, dim=8, n_targets=64)
    drawn = torch.randn(6, 16, 8, generator=torch.Generator().manual_seed(0))
    features, rows = nn.functional.normalize(drawn, dim=2), np.arange(16)
    ours, other = (NoiseAsTargets(rows, settings, torch.device("cpu")) for _ in "ab")
    wanted = other.pseudo_targets(features[:2], rows, 0)
    if matching == "exact":
        assert torch.equal(wanted[0], targets(torch.from_numpy(other.held), 8))
    to_full = ((features[:2] - wanted) ** 2).sum(dim=(0, 2))
    to_small = ((features[2:] - wanted.mean(dim=0)) ** 2).sum(dim=(0, 2))
    torch.testing.assert_close(ours.loss(features, rows, 0), (to_full + to_small) / 2 / 6)
    assert describe(NAT(**SMALL | {"epochs": 1}).fit(pictures))["views"] == 6


def test_a_network_that_cannot_read_small_views_is_told_before_training(pictures):
    settings = {"network": "alexnet_bn", "size": 64, "epochs": 1, "device": "cpu"}
    with pytest.raises(
        InputError, match="alexnet_bn can't read small views of 32×32 pixels.*small=0"
    ):
        NAT(**settings).fit(pictures)
    NAT(**settings, views=Views(small=0), head_width=8).fit(pictures[:8])


# --- pools


def test_every_image_keeps_one_target_with_any_pool(pictures):
    for pool, whole_set, matching in ((0, False, "fast"), (40, False, "exact"), (32, True, "fast")):
        settings = {"matching": matching, "pool": pool, "whole_set": whole_set, "dim": 8}
        model = NAT(**SMALL | settings).fit(pictures)
        assert sorted(model.assignment) == list(range(48)), settings


def test_batches_in_sixteen_bits_are_the_stored_light():
    pixels = np.random.default_rng(0).integers(0, 65535, (12, 4, 4, 2), dtype=np.uint16)
    batches = Batches(pixels, Scaling.of(pixels), torch.device("cpu"))
    rows = np.array([3, 1, 7])
    expected = np.moveaxis(pixels[rows], 3, 1) / 65535
    np.testing.assert_allclose(batches.light(rows), expected, rtol=1e-6)
    # as it lies on a GPU
    batches.resident = torch.from_numpy(np.moveaxis(pixels, 3, 1).copy().view(np.int16))
    np.testing.assert_allclose(batches.light(rows), expected, rtol=1e-6)


def test_scaling_in_parts_is_the_scaling_of_all():
    pixels = np.random.default_rng(0).integers(0, 255, (1500, 4, 4, 3), dtype=np.uint8)
    pixels[..., 2] = 9
    scaling = Scaling.of(pixels)
    np.testing.assert_allclose(scaling.mean, pixels.mean(axis=(0, 1, 2)) / 255)
    np.testing.assert_allclose(scaling.std[:2], pixels.std(axis=(0, 1, 2))[:2] / 255)
    assert scaling.std[2] == 1


# --- new data


def test_new_images_take_the_next_targets(pictures):
    model = NAT(**SMALL, matching="exact", dim=8).fit(pictures[:32])
    held = model.assignment.copy()
    before = {k: v.clone() for k, v in model.backbone.state_dict().items()}
    model.partial_fit(pictures[32:])
    np.testing.assert_array_equal(model.assignment[:32], held)
    assert sorted(model.assignment[32:]) == list(range(32, 48))
    np.testing.assert_array_equal(model.ids, np.arange(48))
    assert [row["epoch"] for row in model.history] == [1, 2, 3, 4]
    assert not all(torch.equal(before[k], v) for k, v in model.backbone.state_dict().items())


def test_new_images_not_seen_yet_hold_no_common_target(pictures):
    """Soft matching: 48 new images in batches of 40 leave 8 out, and these say so, as in fit."""
    model = NAT(**SMALL | {"epochs": 1, "batch_size": 40}, n_targets=64).fit(pictures)
    assert (model.assignment == -1).sum() == 8
    model.partial_fit(pictures)
    assert (model.assignment[48:] == -1).sum() == 8
    assert model.assignment.max() < 64


def test_old_images_trained_along_trade_with_the_new(pictures):
    model = NAT(**SMALL, matching="exact", dim=8).fit(pictures[:32])
    model.partial_fit(pictures[32:], old=pictures[:32])
    assert sorted(model.assignment) == list(range(48))
    with pytest.raises(InputError, match="old holds 31 images, but this model was trained on 48"):
        model.partial_fit(pictures[32:], old=pictures[:31])


@pytest.mark.parametrize("along", [False, True])
def test_the_checkpoint_of_partial_fit_holds_the_whole_model(along, pictures, tmp_path):
    """Earlier images, their targets and the earlier epochs are in it, whether trained along or not."""
    model = NAT(**SMALL, matching="exact", dim=8).fit(pictures[:32])
    old = pictures[:32] if along else None
    model.partial_fit(pictures[32:], old=old, checkpoint=tmp_path)
    found = NAT.load(tmp_path)
    same_run(found, model)
    assert found.history == model.history
    assert [row["epoch"] for row in found.history] == [1, 2, 3, 4]
    found.partial_fit(pictures[:8])
    assert len(found.assignment) == 56


def test_a_control_has_no_training_to_go_on_with(pictures):
    control = NAT(**SMALL).fit(pictures).untrained()
    with pytest.raises(InputError, match=r"\(untrained\) holds no training to go on with"):
        control.partial_fit(pictures)


def test_partial_fit_begins_a_model_and_refuses_other_channels(pictures):
    model = NAT(**SMALL).partial_fit(pictures)
    same_run(model, NAT(**SMALL).fit(pictures))
    with pytest.raises(InputError, match="1 channels, but these have 3"):
        model.partial_fit(np.zeros((20, 16, 16, 3), np.uint8))


def test_a_failed_training_leaves_no_half_model(pictures):
    model = NAT(**SMALL).fit(pictures)
    expected = model.transform(pictures)
    model.lr = 1e30
    with pytest.raises(InputError, match="Training broke down"):
        model.partial_fit(pictures)
    np.testing.assert_array_equal(model.transform(pictures), expected)
    assert len(model.history) == 2


def test_settings_survive_json(tmp_path, pictures):
    model = NAT(**SMALL, views="orientation_free", pool=32).fit(pictures)
    model.save(tmp_path / "run")
    assert NAT.load(tmp_path / "run").get_params() == model.get_params()
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["pool"] == 32
