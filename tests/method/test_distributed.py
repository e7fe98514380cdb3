"""Two processes are one training, and what one of them meets, all are told."""

import copy
import errno
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from torch import nn

import natkit
from natkit import NAT, InputError
from natkit.data.embedding import Embedding
from natkit.method import torchrun
from natkit.method.batches import Scaling
from natkit.method.objectives.matching import NoiseAsTargets
from natkit.method.objectives.objective import Objective
from natkit.method.training import checkpoint, distributed
from natkit.method.training.distributed import Team, joined
from natkit.method.training.loop import Loop
from natkit.method.training.norms import GatheredNorm
from natkit.method.views.images import Views, small_view, view

SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu", "dim": 8, "head_width": 32}


def meeting_place() -> dict[str, str]:
    """Where the processes of a team find each other, as torchrun tells them: a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}


def together(work, n: int = 2) -> list:
    """What ``work(rank)`` returns, or what it raised, in each of n processes of one team; nothing is imported twice."""
    context, place = multiprocessing.get_context("fork"), meeting_place()

    def one(rank: int, end) -> None:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n)} | place
        torch.set_num_threads(1)
        try:
            with joined():
                end.send(work(rank))
        except Exception as error:
            end.send(error)

    pipes = [context.Pipe() for _ in range(n)]
    processes = [context.Process(target=one, args=(r, pipes[r][1])) for r in range(n)]
    for process in processes:
        process.start()
    try:
        said = []
        for (pipe, _), process in zip(pipes, processes, strict=True):
            wait([pipe, process.sentinel], 60)
            said.append(pipe.recv() if pipe.poll() else "silent")
    finally:
        for process in processes:
            process.join(5)
            process.kill()
    return said


def facts(model: NAT) -> dict:
    """What two trainings have to have in common."""
    weights = {
        f"{part}.{name}": value.numpy()
        for part in ("backbone", "head")
        for name, value in getattr(model, part).state_dict().items()
    }
    history = [{**row, "seconds": 0} for row in model.history]
    return {"weights": weights, "assignment": model.assignment, "history": history}


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (70, 16, 16), dtype=np.uint8)


def to_double(_, given: tuple) -> tuple:
    return (given[0].double(),)


class Double(NAT):
    """Its networks compute in float64, where rounding can't hide a mistake (AdamW makes much of rounding)."""

    def first_backbone(self):
        net = super().first_backbone().double()
        net.register_forward_pre_hook(to_double)
        return net

    def new_head(self, features):
        return super().new_head(features).double()


def same(a: dict, b: dict, within: float) -> None:
    np.testing.assert_array_equal(a["assignment"], b["assignment"])
    assert a["history"] == [pytest.approx(row, abs=1e-6) for row in b["history"]]
    for name, value in b["weights"].items():
        np.testing.assert_allclose(a["weights"][name], value, atol=within, rtol=0, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"matching": "exact", "pool": 40, "reduction": "sum", "optimizer": "sgd", "lr": 1e-3},
        {"matching": "fast", "whole_set": True, "n_views": 1},
    ],
    ids=["soft", "pool", "whole"],
)
def test_two_processes_train_what_one_would(settings, pictures):
    """Weights and running statistics within rounding, the same assignment. 70 images: 6 wait for the next shuffle."""
    settings = SMALL | settings
    model = Double(**settings).fit(pictures)
    moved = model.backbone.net.stem.weight - model.untrained().backbone.net.stem.weight
    assert moved.abs().max() > 1e-4
    alone = facts(model)
    first, second = together(lambda rank: facts(Double(**settings).fit(pictures)))
    same(first, alone, 1e-9)
    same(second, first, 0)
    if settings.get("matching"):
        assert sorted(second["assignment"]) == list(range(70))


class Contrast(Objective):
    """Of each image, all others push: no loss of an image alone (NT-Xent; Chen et al., ICML 2020)."""

    def loss(self, features, rows, epoch):
        one, other = features
        odds, own = one @ other.T / 0.2, torch.arange(len(rows))
        return nn.functional.cross_entropy(odds, own, reduction="none")


@pytest.mark.parametrize("objective", ["nat", "contrast"])
def test_parts_of_a_share_go_through_the_network_one_after_another(objective, pictures):
    """Without batch norm ``micro_batch`` changes nothing, in however many processes, whatever the loss."""

    def run(micro: int | None) -> np.ndarray:
        torch.manual_seed(3)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(256, 8)).double()
        encoder.register_forward_pre_hook(to_double)
        settings = NAT(**SMALL, micro_batch=micro, views=Views(small=0))
        pixels, held = pictures[..., None], np.full(len(pictures), -1)
        nat = NoiseAsTargets(held, settings, torch.device("cpu"))
        learnt = nat if objective == "nat" else Contrast()
        Loop(encoder, pixels, Scaling.of(pixels), settings, learnt, team=Team.here()).train()
        return encoder[1].weight.detach().numpy()

    alone = run(None)
    for weight in together(lambda rank: run(3)):
        np.testing.assert_allclose(weight, alone, atol=1e-9)


def test_a_batch_norm_of_two_halves_is_that_of_the_whole():
    """Output, gradients and running statistics, far from 0, where a difference of large sums would fail."""
    torch.manual_seed(0)
    for shape in ((8, 3), (8, 3, 5, 4)):
        x, slope = 100 + torch.randn(shape), torch.randn(shape)
        kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
        whole = kind(3)
        nn.init.uniform_(whole.weight)

        def pass_through(norm, x, slope):
            x = x.clone().requires_grad_()
            out = norm(x)
            out.backward(slope)
            return out.detach(), x.grad

        def half(rank, whole=whole, x=x, slope=slope):
            mine, layer = Team.here().part(8), copy.deepcopy(whole)
            out, grad = pass_through(GatheredNorm(layer), x[mine], slope[mine])
            to_weights = layer.weight.grad, layer.bias.grad
            return [t.numpy() for t in (out, grad, *to_weights, *layer.buffers())]

        halves = together(half)
        out, grad = pass_through(whole, x, slope)
        for place, expected in enumerate((out, grad)):
            got = np.concatenate([h[place] for h in halves])
            np.testing.assert_allclose(got, expected, atol=2e-5)
        for place, expected in enumerate((whole.weight.grad, whole.bias.grad), start=2):
            np.testing.assert_allclose(sum(h[place] for h in halves), expected, atol=1e-4)
        for place, expected in enumerate(whole.buffers(), start=4):
            for h in halves:
                np.testing.assert_allclose(h[place], expected, rtol=1e-6)


def test_an_image_gets_its_views_wherever_it_is():
    """The views of a part of a batch are that part of the views of the batch."""
    images = torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    how = Views(saturation=0.2, turn=True)
    for draw in (view, small_view):
        whole = draw(images, how, torch.Generator().manual_seed(2))
        for place in (slice(0, 4), slice(4, 8), slice(8, 12)):
            part = draw(images[place], how, torch.Generator().manual_seed(2), (place, 12))
            torch.testing.assert_close(part, whole[place], rtol=0, atol=0)


# --- bad input


def test_processes_that_differ_are_named_to_all(pictures, monkeypatch):
    """Other pixels, settings, version: before the first step, in every process, with who has what."""

    def differs(rank: int) -> list[str]:
        theirs = pictures.copy()
        theirs[rank - 1, 0, 0] ^= rank
        said = []
        for given, settings in ((theirs, {}), (pictures, {"lr": 0.1 * (rank + 1)}), (pictures, {})):
            if settings == {} and given is pictures and rank:
                natkit.__version__ = "0.0.9"
            try:
                NAT(**SMALL | settings).fit(given)
            except InputError as error:
                said.append(str(error))
        return said

    first, second = together(differs)
    assert first == second
    images, rate, version = first
    digests = [checkpoint.fingerprint(p[..., None], np.arange(70), None) for p in (pictures,)]
    assert f"differ in images: rank 0 has {digests[0]}; rank 1 has " in images
    assert "differ in lr: rank 0 has 0.1; rank 1 has 0.2. Give every host the same" in rate
    assert f"differ in natkit: rank 0 has {natkit.__version__}; rank 1 has 0.0.9" in version


def test_a_batch_that_cannot_be_dealt_evenly_is_refused(pictures):
    for error in together(lambda rank: NAT(**SMALL | {"batch_size": 15}).fit(pictures)):
        assert "batch of 15 images can't be dealt evenly to 2 processes" in str(error)
    Team(0, 3).must_divide(48)
    with pytest.raises(
        InputError, match="batch of 64 images.*3 processes. Set batch_size to 63 or 66"
    ):
        Team(0, 3).must_divide(64)
    with pytest.raises(InputError, match="Set batch_size to 3 "):
        Team(0, 3).must_divide(2)


def test_a_full_disk_is_told_to_all_and_the_checkpoint_stays(pictures, tmp_path):
    """The disk of the first process fills in epoch 2; room is made, and the run ends as if nothing had been."""
    settings = SMALL | {"epochs": 3, "matching": "exact", "pool": 32}
    calm = facts(NAT(**settings).fit(pictures, checkpoint=tmp_path / "calm"))

    def full(rank: int) -> None:
        keep = checkpoint.keep

        def keep_once(run, *given):
            assert rank == 0
            if len(run.history) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(given[0]))
            keep(run, *given)

        checkpoint.keep = keep_once
        NAT(**settings).fit(pictures, checkpoint=tmp_path / "full")

    for error in together(full):
        assert isinstance(error, OSError)
        assert error.errno == errno.ENOSPC
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["state.safetensors"]
    assert len(NAT.load(tmp_path / "full").history) == 1
    # the other one's host has no such folder, and gets none
    folders = tmp_path / "full", tmp_path / "elsewhere"
    ends = together(lambda rank: facts(NAT(**settings).fit(pictures, checkpoint=folders[rank])))
    assert not folders[1].exists()
    whole = together(lambda rank: facts(NAT(**settings).fit(pictures)))
    same(ends[0], whole[0], 0)
    same(ends[1], whole[0], 0)
    assert sorted(calm["assignment"]) == sorted(ends[0]["assignment"])


def test_what_the_first_does_all_know():
    def act(rank: int) -> list:
        team, said = Team.here(), []
        said.append(team.on_rank_zero(lambda: f"by {rank}"))
        try:
            team.on_rank_zero(lambda: int("no number"))
        except ValueError as error:
            said.append(type(error).__name__)
        return said

    assert together(act) == [["by 0", "ValueError"]] * 2


def test_a_process_that_dies_ends_the_others_with_a_sentence():
    def die(rank: int) -> None:
        if rank:
            os._exit(9)
        Team.here().every(rank)

    start = time.monotonic()
    first, second = together(die)
    assert isinstance(first, InputError)
    assert "Another process of this training has ended" in str(first)
    assert second == "silent"
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "could not be read as JSON"),
        ('{"epochs": 3}', "may hold prepared .str., settings"),
        ('{"settings": []}', "may hold prepared .str., settings"),
        ('{"run": "r", "settings": {"epoch": 3}}', "no setting 'epoch'"),
        ('{"settings": {}}', "nothing of 'run'"),
        ('{"run": "r"}', "nothing of 'prepared'"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_sentence(
    content, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("run.json").write_text(content)
    monkeypatch.setattr(sys, "argv", ["training", "--config", "run.json"])
    assert torchrun.main(torchrun.train) == 1
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert "Traceback" not in said


def test_a_full_disk_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    def full(config: dict, team: Team) -> None:
        """Write too much."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "training/state.safetensors")

    (tmp_path / "run.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["training", "--config", str(tmp_path / "run.json")])
    assert torchrun.main(full) == 1
    said = capsys.readouterr().err
    assert (
        "disk that holds training/state.safetensors is full. The last checkpoint is whole" in said
    )


def test_a_command_ends_before_threads_of_torch_meet_the_end_of_python():
    """They abort it now and then; what was printed is not lost."""
    program = """if True:
        import atexit, sys
        from natkit.method import torchrun
        def work(config, team):
            "Print without a line's end."
            print("work of", team.size, end="")
        atexit.register(print, "the end of Python")
        sys.argv = ["work", "--config", "run.json"]
        torchrun._read = lambda file: {}
        sys.exit(torchrun.main(work))"""
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"} | meeting_place()
    ours = {"capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | alone, **ours)
    assert (done.returncode, done.stdout) == (0, "work of 1"), done.stderr


# --- the commands


EPOCHS = 15
RUN = {"matching": "exact", "whole_set": True, "batch_size": 32, "views": {"small": 0}}


def script() -> str:
    """The Slurm script of the module's page."""
    page = textwrap.dedent(distributed.__doc__)
    lines = page[page.index("    #!/bin/bash") :].split("\n\n")[0]
    return textwrap.dedent(lines)


def test_killed_by_torchrun_and_taken_up_by_slurm(prepared_line, tmp_path, monkeypatch):
    """One of two processes gets SIGKILL: torchrun ends the other; the Slurm script, with a stand-in for srun, goes on
    to weights of an undisturbed run; then two processes write one embedding."""
    shutil.copytree(prepared_line, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    settings = SMALL | RUN | {"epochs": EPOCHS}
    config = {
        "prepared": "prepared",
        "checkpoint": "training",
        "run": "run",
        "embedding": "nat.npz",
    }
    Path("run.json").write_text(json.dumps(config | {"settings": settings}))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m"]
    ours = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen([*command, "natkit.method.training", "--config", "run.json"], **ours)
    state = Path("training/state.safetensors")
    while not state.exists() and process.poll() is None:
        time.sleep(0.02)
    ranks = psutil.Process(process.pid).children()
    next(p for p in ranks if p.environ().get("RANK") == "1").kill()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "SIGKILL" in said
    assert not any(p.is_running() for p in ranks)
    assert not Path("run").exists()
    assert 1 <= len(NAT.load("training").history) < EPOCHS

    tools = tmp_path / "tools"
    tools.mkdir()
    for name, does in (
        ("srun", 'exec "$@"'),
        ("scontrol", "echo 127.0.0.1"),
        ("torchrun", f'exec {sys.executable} -m torch.distributed.run "$@"'),
    ):
        (tools / name).write_text(f"#!/bin/bash\n{does}\n")
        (tools / name).chmod(0o755)
    slurm = {"SLURM_JOB_NODELIST": "here", "SLURM_NNODES": "1", "SLURM_JOB_ID": "7"}
    slurm |= {"SLURM_GPUS_ON_NODE": "2", "PATH": f"{tools}:{os.environ['PATH']}"}
    Path("train.sbatch").write_text(script())
    done = subprocess.run(["bash", "train.sbatch"], env=os.environ | slurm, timeout=300, **ours)
    assert done.returncode == 0, done.stdout
    calm = NAT(**settings | {"views": Views(small=0)})
    images = natkit.load("prepared")
    expected = together(lambda rank: facts(calm.fit(images)))[0]
    model = NAT.load("run")
    assert len(model.history) == EPOCHS
    for name, value in model.backbone.state_dict().items():
        np.testing.assert_array_equal(value, expected["weights"][f"backbone.{name}"])
    np.testing.assert_array_equal(model.assignment, expected["assignment"])

    def embed(rank: int) -> None:
        assert torchrun.embed(config, Team.here()) is None

    assert together(embed) == [None, None]
    got, whole = Embedding.load("nat.npz"), model.embed(images)
    np.testing.assert_array_equal(got.ids, whole.ids)
    np.testing.assert_allclose(got.vectors, whole.vectors, atol=1e-5)
    assert got.meta == whole.meta
