"""From stored pixels to what the network sees, on the device that trains."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from natkit.core.errors import InputError
from natkit.data.shards import Stream

SAMPLE = 8192  # images of a stream from which the scaling is learned
RESIDENT = 0.5  # share of the free GPU memory that the images may take


@dataclass(frozen=True)
class Scaling:
    """From stored pixels to network input: divide by ``peak``, then standardise each channel."""

    peak: float  # 255 for uint8, 65535 for uint16, 1 for float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, pixels: np.ndarray) -> "Scaling":
        """From the training images (n, h, w, c), a thousand at a time: they may lie on the disk.

        Of images in shards 8,192 that lie evenly among them are looked at: that gives the mean to about a
        hundredth of the deviation.
        """
        if isinstance(pixels, Stream):
            pixels = pixels.some(SAMPLE)
        peak = peak_of(pixels.dtype)
        n, total, squares = 0, 0.0, 0.0
        for start in range(0, len(pixels), 1024):
            part = pixels[start : start + 1024].reshape(-1, pixels.shape[3]) / np.float64(peak)
            n, total = n + len(part), total + part.sum(axis=0)
            squares = squares + (part**2).sum(axis=0)
        mean = total / n
        std = np.sqrt(np.maximum(squares / n - mean**2, 0))
        std[std < 1e-7 * np.abs(mean)] = 0  # what rounding leaves of a constant channel
        if not (std > 0).any():
            raise InputError(
                "All training images are one constant colour (signals: one constant value), so there is nothing to "
                "learn. Look at a few of them, and scan again."
            )
        std = np.where(std > 0, std, 1)  # a constant channel carries nothing; leave it at 0
        return cls(float(peak), tuple(map(float, mean)), tuple(map(float, std)))

    def light(self, batch: np.ndarray, device: torch.device) -> Tensor:
        """Stored pixels (n, h, w, c) → float32 (n, c, h, w) with 0 as black."""
        planes = np.array(np.moveaxis(batch, 3, 1), order="C")  # a copy: the cache is read-only
        return torch.from_numpy(planes).to(device).float() / self.peak

    def standard(self, light: Tensor) -> Tensor:
        """What the network sees: channels-last, mean 0, deviation 1 over the training images."""
        mean = torch.tensor(self.mean, device=light.device)[:, None, None]
        std = torch.tensor(self.std, device=light.device)[:, None, None]
        return ((light - mean) / std).contiguous(memory_format=torch.channels_last)


def peak_of(dtype: np.dtype) -> float:
    """What white is in stored pixels of this type."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


class Batches:
    """The images of a run, ready to be fetched by row.

    On a GPU they are moved there once, in their stored depth, if they take at most half of its free
    memory. Otherwise each batch is read from ``pixels``, which may be a memory-mapped cache.
    """

    def __init__(self, pixels: np.ndarray, scaling: Scaling, device: torch.device):
        self.pixels, self.scaling, self.device = pixels, scaling, device
        self.resident = None
        held = isinstance(pixels, np.ndarray) and device.type == "cuda"
        if held and pixels.nbytes < RESIDENT * torch.cuda.mem_get_info(device)[0]:
            planes = np.ascontiguousarray(np.moveaxis(pixels, 3, 1))
            if planes.dtype == np.uint16:
                planes = planes.view(np.int16)  # torch can't index uint16 on a GPU
            self.resident = torch.from_numpy(planes).to(device)

    def light(self, rows: np.ndarray) -> Tensor:
        """float32 (n, c, h, w) of the images at ``rows`` (int64, n), with 0 as black."""
        if self.resident is None:
            return self.scaling.light(self.pixels[rows], self.device)
        stored = self.resident[torch.from_numpy(rows).to(self.device)]
        if stored.dtype == torch.int16:
            stored = stored.int() & 0xFFFF
        return stored.float() / self.scaling.peak


def device_named(name: str) -> torch.device:
    """The device that "auto", "cpu", "cuda", … stands for here. InputError if there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device is {name!r}, but torch sees no CUDA GPU here. Use 'auto' or 'cpu'."
        )
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device is 'auto', 'cpu' or 'cuda', got {name!r}.") from error


def autocast(device: torch.device) -> torch.autocast:
    """bf16 on CUDA, full precision elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
