"""The state of a training between two steps, as named tensors, and back."""

import time

import numpy as np
import torch
from torch import Tensor

from natkit.method.training.loop import Loop
from natkit.method.training.randomness import random_state

OBJECTIVE = "matcher"  # what the first files called the objective's state


def state_of(run: Loop) -> dict[str, Tensor]:
    """Everything that a resumed run needs besides the history."""
    state = {f"encoder.{name}": value for name, value in run.encoder.state_dict().items()}
    for index, slots in run.optimizer.state_dict()["state"].items():
        state |= {f"optimizer.{index}.{name}": value for name, value in slots.items()}
    state |= {f"{OBJECTIVE}.{name}": value for name, value in run.objective.state().items()}
    return state | {f"middle.{name}": value for name, value in _middle(run).items()}


def restore(run: Loop, state: dict[str, Tensor], history: list[dict]) -> None:
    """Go on from a :func:`state_of`. Raises KeyError, RuntimeError or ValueError for another network."""
    run.encoder.load_state_dict(_part(state, "encoder"))
    slots: dict[int, dict[str, Tensor]] = {}
    for key, value in _part(state, "optimizer").items():
        index, name = key.split(".")
        slots.setdefault(int(index), {})[name] = value
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": slots})
    run.history, run.middle = history, _part(state, "middle")
    if run.team.rank == 0:
        begun = (
            {"before": run.middle["before"]} if "before" in run.middle else {}
        )  # where it stood at first
        run.objective.restore(_part(state, OBJECTIVE) | begun)
    marks = _part(run.middle, "mark")
    rows = zip(*(value.tolist() for value in marks.values()), strict=True)
    run.marks = [dict(zip(marks, map(_known, row), strict=True)) for row in rows]


def _middle(run: Loop) -> dict[str, Tensor]:
    """Of an epoch under way: its random numbers, marks and seconds."""
    if not run.marks:
        return {}
    state = {"views": run.passes.generator.get_state()} | random_state(run.device)
    state["seconds"] = torch.tensor(time.perf_counter() - run.start, dtype=torch.float64)
    for name in run.marks[0]:  # what an objective doesn't know is None
        values = [np.nan if mark[name] is None else mark[name] for mark in run.marks]
        state[f"mark.{name}"] = torch.tensor(values, dtype=torch.float64)
    return state


def _part(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """What stands under a name, without it."""
    return {key[len(name) + 1 :]: state[key] for key in state if key.startswith(f"{name}.")}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
