"""A small vibration set drawn with numpy: bearings of two machines, healthy or damaged.

A turning shaft with its harmonics, smooth noise, and for a fault an impulse each time a ball passes the damage: it
rings at the machine's own frequency and dies away. Known faults of the sensors are planted. About 0.5 ms a signal.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from natkit.core.errors import InputError

RATE = 8192  # samples a second
LENGTH = 1024  # samples: an eighth of a second, about four turns
SPEEDS = (24.0, 32.0)  # turns a second
PASSES = 3.58  # balls over a damage of the outer ring in one turn
# machine: the frequency at which its housing rings (Hz), gain of its sensor, noise, share of faults in the sample
MACHINES = {"A": (2100.0, 1.0, 0.30, 0.2), "B": (2900.0, 1.6, 0.45, 0.6)}
KINDS = ("short_gap", "long_gap", "stuck", "spikes")
WORST = 2.0  # machine B loses so many times more than machine A


@dataclass(frozen=True)
class Vibration:
    """What :func:`vibration` gives.

    ``values`` float32 (n, 2, 1024) in multiples of g, NaN where a sample is missing. ``table``: path (a name), machine,
    speed (turns a second), temperature (°C, missing above all on machine B), condition ("healthy" or "fault").
    ``truth``: path, the planted kinds as 0 and 1, the strength of the fault. ``clean``: the values before anything
    was planted.
    """

    values: np.ndarray
    table: pd.DataFrame
    truth: pd.DataFrame
    clean: np.ndarray


def vibration(n: int = 600, seed: int = 0, planted: float = 0.05) -> Vibration:
    """Draw ``n`` signals of two channels (across, upright); all the truth is known, and no licence binds it.

    The sample is biased: faults come from machine B above all, which also loses more samples and temperatures.

    Parameters
    ----------
    n
        Signals, at least 20.
    planted
        Mean share of the signals with each kind of sensor fault, at most 0.15; a signal has at most one.

    Notes
    -----
    The impulses repeat 3.58 times a turn and slip by 1 %, as those of a real outer ring (Randall and Antoni, "Rolling
    element bearing diagnostics – a tutorial", Mech. Syst. Signal Process. 25 (2011)). The weakest can hardly be seen.
    """
    if n < 20 or not 0 <= planted <= 0.15:
        raise InputError(
            f"vibration() draws at least 20 signals with a planted share in [0, 0.15], got {n} and {planted}."
        )
    rng = np.random.default_rng(seed)
    machine = np.where(rng.random(n) < 0.5, "A", "B")
    speed = rng.choice(SPEEDS, n)
    faulty = rng.random(n) < np.array([MACHINES[m][3] for m in machine])
    strength = np.where(faulty, rng.uniform(0.8, 3.0, n), 0.0)
    rows = zip(machine, speed, strength, strict=True)
    clean = np.stack([_signal(m, s, force, rng) for m, s, force in rows]).astype(np.float32)
    values, kinds = _spoilt(clean, machine, planted, rng)
    path = [f"v{i:05d}" for i in range(n)]
    warm = 40 + 0.5 * speed + 4 * (strength > 0) + rng.normal(0, 3, n)
    warm[rng.random(n) < np.where(machine == "B", 0.3, 0.05)] = np.nan
    condition = np.where(faulty, "fault", "healthy")
    table = {"path": path, "machine": machine, "speed": speed, "temperature": warm.round(1)}
    truth = {"path": path, **kinds, "strength": strength.round(3)}
    return Vibration(
        values, pd.DataFrame(table | {"condition": condition}), pd.DataFrame(truth), clean
    )


def _signal(machine: str, speed: float, strength: float, rng: np.random.Generator) -> np.ndarray:
    """One recording (2, 1024): shaft, noise, and impulses of ``strength``."""
    rings, gain, noise, _ = MACHINES[machine]
    time = np.arange(LENGTH) / RATE
    turns = speed * rng.normal(1, 0.01) * time
    out = np.zeros((2, LENGTH))
    for harmonic, size in ((1, 1.0), (2, 0.4), (3, 0.2)):
        phase = rng.uniform(0, 1) + np.array([[0.0], [0.25]])
        out += size * rng.uniform(0.6, 1.4) * np.sin(2 * np.pi * (harmonic * turns + phase))
    white = rng.standard_normal((2, LENGTH + 2))
    out += noise * (white[:, :-2] + white[:, 1:-1] + 0.5 * white[:, 2:])
    if strength:
        step = RATE / (PASSES * speed)  # samples between two impulses
        hits = rng.uniform(0, step) + step * np.arange(int(LENGTH / step) + 1)
        hits += rng.normal(0, 0.01 * step, len(hits))
        since = np.arange(LENGTH) - hits[:, None]
        ring = np.sin(2 * np.pi * rings / RATE * since) * np.exp(-since.clip(0) / 14)
        force = strength * rng.uniform(0.7, 1.3, (len(hits), 1))
        out += np.array([[1.0], [0.7]]) * (force * ring * (since >= 0)).sum(axis=0)
    return gain * out


def _spoilt(clean: np.ndarray, machine: np.ndarray, share: float, rng: np.random.Generator):
    """A copy with planted sensor faults, and 0 or 1 (n,) for each kind."""
    values = clean.copy()
    odds = np.where(machine == "B", WORST, 1.0)
    chance = share * len(KINDS) * odds / odds.mean()
    kind = np.where(rng.random(len(clean)) < chance, rng.integers(0, len(KINDS), len(clean)), -1)
    for row in np.flatnonzero(kind >= 0):
        line = values[row, rng.integers(2)]
        start = rng.integers(LENGTH // 8, LENGTH // 2)
        match KINDS[kind[row]]:
            case "short_gap":
                line[start : start + rng.integers(4, 30)] = np.nan
            case "long_gap":
                line[start : start + rng.integers(120, 400)] = np.nan
            case "stuck":
                line[start : start + rng.integers(40, 300)] = line[start]
            case "spikes":
                at = rng.choice(np.arange(20, LENGTH - 20, 40), rng.integers(1, 4), replace=False)
                line[at] += rng.choice([-1, 1], len(at)) * rng.uniform(12, 25, len(at))
    return values, {name: (kind == i).astype(int) for i, name in enumerate(KINDS)}
