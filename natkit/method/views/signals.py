"""Random views of signals and vectors, on the device that trains: what differs, the encoder learns to ignore."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import torch
from torch import Tensor

from natkit.core.errors import InputError

SHARES = ("noise", "masked", "gain", "shift")


@dataclass(frozen=True, kw_only=True)
class SignalViews:
    """How a view may differ from its signal or vector. A change listed here must not matter for the question.

    The unit of ``noise`` is the standard deviation of each channel (of a vector: of each number) over the batch.
    """

    noise: float = 0.2  # white noise of 0 to so many deviations, drawn for each signal
    masked: float = (
        0.2  # share that is lost: one stretch of all channels; of a vector, single numbers
    )
    gain: float = 0.0  # factor 1 ± this for each channel, about its mean: another amplifier
    shift: float = 0.0  # ± this share of the length, round the end: another moment of the recording
    kind: ClassVar[str] = "signals"
    small: ClassVar[int] = 0  # no small views, unlike pictures

    def __post_init__(self):
        for name in SHARES:
            value = getattr(self, name)
            if not (isinstance(value, Real) and 0 <= value <= 1):
                raise InputError(f"{name} lies in [0, 1], got {value!r}. 0 switches it off.")


PRESETS = {
    # a steady machine, cut at any moment: bearings, motors, current
    "vibration": SignalViews(gain=0.3, shift=0.5),
    # one stroke, weld or cycle, which begins where the recording begins: when something happens matters
    "cycle": SignalViews(gain=0.1, shift=0.02),
    # rows of a table: settings, test values, features that were computed before
    "vector": SignalViews(masked=0.3),
}


def signal_view(signals: Tensor, views: SignalViews, generator: torch.Generator) -> Tensor:
    """One random view of every signal or vector.

    Parameters
    ----------
    signals
        float32 (n, channels, 1, length); a vector has the length 1. Not changed.
    views
        What may change: shifted first, then gain, masked, noise.
    generator
        On the same device. As many numbers are drawn whatever is switched off.

    Returns
    -------
    Tensor
        (n, channels, 1, length). What is masked holds the channel's mean over the batch; of a vector, the number of
        another one of the batch (Bahri et al., SCARF, ICLR 2022).

    Notes
    -----
    Views of one signal depend on its batch through the channels' means and deviations alone, and on its neighbours
    where a vector is masked.
    """
    n, channels, _, length = signals.shape
    device, draw = signals.device, {"generator": generator, "device": signals.device}
    start, place, strength = torch.rand(3, n, 1, 1, 1, **draw)
    gain = torch.rand(n, channels, 1, 1, **draw)
    order = torch.rand(n, channels, 1, 1, **draw)
    other = torch.randint(n, (n, channels), **draw)
    white = torch.randn(signals.shape, **draw)
    mean = signals.mean(dim=(0, 2, 3), keepdim=True)
    spread = signals.std(dim=(0, 2, 3), keepdim=True, correction=0)

    steps = ((2 * start - 1) * views.shift * length).round().long()
    time = torch.arange(length, device=device)
    out = signals.gather(3, ((time - steps) % length).expand(signals.shape))
    out = out + (out - mean) * (views.gain * (2 * gain - 1))
    if length == 1:
        lost = order.argsort(dim=1).argsort(dim=1) < round(views.masked * channels)
        fill = signals[other, torch.arange(channels, device=device)]
    else:
        lost = (time - (place * length).long()) % length < round(views.masked * length)
        fill = mean
    out = torch.where(lost, fill, out)
    return out + views.noise * strength * spread * white
