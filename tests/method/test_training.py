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
from natkit.method.objectives.targets import targets
from natkit.method.settings import PAPER, Settings
from natkit.method.training import run as training
from natkit.method.training.loop import parts_of
from natkit.method.training.run import Run, square_loss
from natkit.method.views.images import Views

STILL = Views(crop=(1.0, 1.0), flip=False, brightness=0, contrast=0, blur=0, small=0)
SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu"}


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (48, 16, 16), dtype=np.uint8)


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
    encoder, scaling = linear(pixels, dim), Scaling.of(pixels)
    weight, bias = (p.detach().double().numpy() for p in encoder[1].parameters())
    run = Run(encoder, pixels, np.arange(n), scaling, settings)
    run.train()

    x = pixels.reshape(n, -1) / 255
    x = (x - x.mean()) / x.std()
    noise = targets(torch.arange(n), dim, settings.seed).double().numpy()
    loss, best, (new_weight, new_bias) = paper_step(x, weight, bias, noise, lr=0.01)
    assert run.history[0]["loss"] * n == pytest.approx(loss, rel=1e-5)
    np.testing.assert_array_equal(run.matcher.held, best)
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
    views, goals = torch.randn(3, 5, 7), torch.randn(1, 5, 7)
    middle = views.mean(dim=0)
    parts = 0.5 * ((middle - goals[0]) ** 2).sum(dim=1)
    parts += 0.5 * ((views - middle) ** 2).sum(dim=2).mean(dim=0)
    torch.testing.assert_close(square_loss(views, goals), parts)


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

    class Stop(Exception):
        pass

    first = NAT(**settings)
    stop_after = pytest.MonkeyPatch()
    with stop_after.context() as patch:
        from natkit.method.training import checkpoint

        keep = checkpoint.keep

        def keep_and_stop(*given):
            keep(*given)
            raise Stop

        patch.setattr(checkpoint, "keep", keep_and_stop)
        with pytest.raises(Stop):
            first.fit(pictures, checkpoint=tmp_path)
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


def test_a_run_goes_on_with_another_number_of_images_at_once(pictures, tmp_path, monkeypatch):
    """Other batch norms, so not to the bit; but it is the same run: history, order and targets go on."""
    settings = SMALL | {"epochs": 3, "matching": "exact", "dim": 8}
    step = Run._step

    def stopped(self, rows, number):
        if number == 3:
            raise InputError("stopped")
        return step(self, rows, number)

    monkeypatch.setattr(Run, "_step", stopped)
    with pytest.raises(InputError, match="stopped"):
        NAT(**settings).fit(pictures, checkpoint=tmp_path)
    begun, seen = NAT.load(tmp_path).history, []
    monkeypatch.setattr(Run, "_step", lambda s, r, n: seen.append((n, s.micro)) or step(s, r, n))
    model = NAT(**settings, micro_batch=8).fit(pictures, checkpoint=tmp_path)
    assert model.history[:1] == begun
    assert seen == [(number, 8) for number in range(3, 9)]
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
    settings = Settings(**SMALL, matching="exact", dim=8)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 8))
    stacked = pictures[..., None]
    run = Run(encoder, stacked, np.arange(48), Scaling.of(stacked), settings)
    run.middle = {"views": torch.zeros(16, dtype=torch.uint8), "torch": torch.get_rng_state()}
    run.middle |= {"seconds": torch.tensor(0.0), "before": torch.arange(48)}
    run._go_on()
    np.testing.assert_array_equal(run.before, np.arange(48))


# --- when things go wrong


def test_a_broken_loss_names_the_step_and_the_last_good_state(pictures, tmp_path, monkeypatch):
    """Epoch 2 gives NaN: the error says where, and the state after epoch 1 can be read."""
    good = Run._gradients

    def bad(self, rows, epoch):
        mark = good(self, rows, epoch)
        return mark | {"loss": float("nan")} if epoch == 1 else mark

    monkeypatch.setattr(Run, "_gradients", bad)
    with pytest.raises(InputError, match="nan at step 4 of 6.*after epoch 1 is in"):
        NAT(**SMALL).fit(pictures, checkpoint=tmp_path)
    model = NAT.load(tmp_path)
    assert len(model.history) == 1
    assert np.isfinite(model.transform(pictures)).all()
    monkeypatch.undo()
    same_run(NAT(**SMALL).fit(pictures, checkpoint=tmp_path), NAT(**SMALL).fit(pictures))


@pytest.mark.parametrize("lr", [1e30, float("nan")])
def test_weights_that_broke_in_the_last_step_are_neither_returned_nor_kept(lr, pictures, tmp_path):
    """One step an epoch: no later loss could tell. The state kept stays the one before, the model untrained."""
    settings = SMALL | {"batch_size": 48, "epochs": 1}
    model = NAT(**settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_rates", lambda self, step: [lr])
        with pytest.raises(InputError, match="weights are NaN or huge after step 1 of 1"):
            model.fit(pictures, checkpoint=tmp_path)
    assert not list(tmp_path.iterdir())
    assert not hasattr(model, "backbone")


def test_one_broken_weight_is_enough(pictures):
    stacked = pictures[..., None]
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 8))
    run = Run(encoder, stacked, np.arange(48), Scaling.of(stacked), Settings(**SMALL))
    run._must_be_sound()
    for broken in (float("nan"), float("inf"), 1e16):
        encoder[1].bias.data[3] = broken  # the last of the weights; the others are sound
        with pytest.raises(InputError, match="NaN or huge"):
            run._must_be_sound()


def test_stopped_before_the_first_step_it_ends_with_the_first_epoch(
    pictures, monkeypatch, tmp_path
):
    """Ctrl-C while the whole set is matched: a model of one epoch, which can be saved and read."""
    begin = Run._begin
    monkeypatch.setattr(Run, "_begin", lambda self: begin(self) or self.stop.set())
    model = NAT(**SMALL, matching="exact", whole_set=True).fit(pictures)
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


def test_ctrl_c_ends_the_epoch(pictures, monkeypatch, capsys):
    """One Ctrl-C in the second epoch: two whole epochs, and a model that can be used."""
    step = Run._step

    def interrupted(self, rows, number):
        if number == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, rows, number)

    monkeypatch.setattr(Run, "_step", interrupted)
    model = NAT(**SMALL | {"epochs": 5}).fit(pictures)
    assert [row["epoch"] for row in model.history] == [1, 2]
    assert "Stopping when this epoch ends" in capsys.readouterr().out
    assert model.transform(pictures).shape == (48, 192)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_stops_at_once(pictures, monkeypatch):
    def impatient(self, rows, number):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return {}

    monkeypatch.setattr(Run, "_step", impatient)
    with pytest.raises(KeyboardInterrupt):
        NAT(**SMALL).fit(pictures)
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
        run = Run(encoder, pixels, np.full(32, -1), Scaling.of(pixels), settings)
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
        run = Run(encoder, pixels, np.arange(32), Scaling.of(pixels), how)
        run.train()
        assert max(encoder[0].seen) == (2 * micro if micro else 64)
        held.append(run.matcher.held)
    np.testing.assert_array_equal(held[0], held[1])
    np.testing.assert_array_equal(held[0], held[2])
    assert "from step 1 on they go through the network by 8" in capsys.readouterr().out


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
    run = Run(
        encoder, pixels, np.full(32, -1), Scaling.of(pixels), Settings(views=STILL, dim=8, size=8)
    )
    with pytest.raises(InputError, match="One image of 8×8 does not fit"):
        run.train()


# --- small views


def test_small_views_go_where_the_full_ones_of_their_image_go(pictures, monkeypatch):
    """One target an image: the loss is the mean over all views of half the squared distance to it."""
    seen = []
    monkeypatch.setattr(
        training, "square_loss", lambda v, g: seen.append((v, g)) or square_loss(v, g)
    )
    model = NAT(**SMALL | {"epochs": 1}, matching="exact", dim=8).fit(pictures)
    for views, goals in seen[::2]:
        assert views.shape == (6, 16, 8)
        assert torch.equal(goals, goals[:1].expand_as(goals))
    assert describe(model)["views"] == 6


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
