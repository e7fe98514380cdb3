"""Two processes are one training, and what one of them meets, all are told."""

import multiprocessing
import os
import socket

import numpy as np
import pytest
import torch

from natkit import NAT
from natkit.method.distributed import joined

SMALL = {"epochs": 2, "size": 16, "batch_size": 16, "device": "cpu", "dim": 8, "head_width": 32}


def together(work, n: int = 2) -> list:
    """What ``work(rank)`` returns, or what it raised, in each of n processes of one team; nothing is imported twice."""
    context = multiprocessing.get_context("fork")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def one(rank: int, end) -> None:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        torch.set_num_threads(1)
        try:
            with joined():
                end.send(work(rank))
        except Exception as error:
            import traceback

            traceback.print_exc()
            end.send(error)

    pipes = [context.Pipe() for _ in range(n)]
    processes = [context.Process(target=one, args=(r, pipes[r][1])) for r in range(n)]
    for process in processes:
        process.start()
    try:
        said = [pipe.recv() if pipe.poll(60) else "silent" for pipe, _ in pipes]
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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"matching": "exact", "pool": 40, "optimizer": "sgd", "lr": 0.05},
        {"matching": "fast", "whole_set": True},
        {"matching": "exact", "reduction": "sum", "optimizer": "sgd", "lr": 1e-3, "n_views": 1},
    ],
    ids=["soft", "pool", "whole", "sum"],
)
def test_two_processes_train_what_one_would(settings, pictures):
    """Weights and batch norms within rounding, the same assignment; 70 images: 6 of them wait for the next shuffle."""
    settings = SMALL | settings
    alone = facts(NAT(**settings).fit(pictures))
    first, second = together(lambda rank: facts(NAT(**settings).fit(pictures)))
    begun = facts(NAT(**settings | {"lr": 0.0, "weight_decay": 0.0}).fit(pictures))["weights"]
    moved = max(
        np.abs(begun[k] - v).max() for k, v in alone["weights"].items() if "tracked" not in k
    )
    assert moved > 0.01
    for name, value in alone["weights"].items():
        np.testing.assert_array_equal(first["weights"][name], second["weights"][name])
        np.testing.assert_allclose(first["weights"][name], value, atol=1e-4 * moved, err_msg=name)
    for rank in (first, second):
        np.testing.assert_array_equal(rank["assignment"], alone["assignment"])
        for ours, theirs in zip(rank["history"], alone["history"], strict=True):
            assert ours == pytest.approx(theirs, rel=1e-4)
