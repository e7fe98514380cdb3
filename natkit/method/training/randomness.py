"""Where torch's random numbers stand, kept and set again."""

import torch
from torch import Tensor


def random_state(device: torch.device) -> dict[str, Tensor]:
    """That of the CPU, and of ``device`` if it is a GPU."""
    state = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go on from a :func:`random_state`; what another kind of device kept is left out."""
    torch.set_rng_state(state["torch"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
