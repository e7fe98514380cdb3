"""Which image holds which target, in as few bytes as that takes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from natkit.core.files import read_arrays

BLOCK = 2**14  # bytes of marks that are read at once: their ids stay in the cache of a core
MARKS = "id_bits"  # beside "targets", instead of "ids"


def narrow(numbers: np.ndarray) -> np.ndarray:
    """``numbers`` as int32 if all fit, else as int64: 4 bytes an image up to 2³¹ (2,147,483,648) of them."""
    return numbers.astype(width(int(numbers.max(initial=-1))), copy=False)


def width(top: int) -> type[np.signedinteger]:
    """The narrower of int32 and int64 that holds 0 … ``top``, and -1."""
    return np.int32 if top < 2**31 else np.int64


def write_assignment(file: str | Path, ids: np.ndarray, targets: np.ndarray) -> None:
    """Write ``assignment.npz``: ``targets``, int32 or int64 (n,), and the ids as :func:`pack` gives them.

    100 million images take 0.41 GB and about a second.
    """
    np.savez(file, targets=narrow(targets), **pack(ids))


def read_assignment(file: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """``ids`` and ``targets``, int32 or int64 (n,), of a file that this natkit or an earlier one wrote.

    Raises ValueError or KeyError if it is no such file.
    """
    kept = read_arrays(file)
    ids, targets = unpack(kept), narrow(kept["targets"])
    if len(ids) != len(targets):
        raise ValueError(f"{len(ids)} ids for {len(targets)} targets")
    return ids, targets


def pack(ids: np.ndarray) -> dict[str, np.ndarray]:
    """Ids as ``id_bits``: uint8, bit i is 1 if image i is among them; a bit an image instead of 64.

    Ids that don't ascend, or of which fewer than one in 32 is taken, stay ``ids``, int32 or int64 (n,).
    """
    top = int(ids.max(initial=-1))
    rising = bool((ids[1:] > ids[:-1]).all()) and (len(ids) == 0 or ids[0] >= 0)
    if not rising or top // 8 >= 4 * len(ids):
        return {"ids": narrow(ids)}
    taken = np.zeros(top + 1, bool)
    taken[ids] = True
    return {MARKS: np.packbits(taken)}


def unpack(kept: Mapping[str, np.ndarray]) -> np.ndarray:
    """The ids that :func:`pack` was given, int32 or int64 (n,); raises KeyError if there are none."""
    if MARKS not in kept:
        return narrow(kept["ids"])
    bits = kept[MARKS]
    ids = np.empty(int(np.bitwise_count(bits).sum()), width(8 * len(bits) - 1))
    done = 0
    for start in range(0, len(bits), BLOCK):
        found = np.flatnonzero(np.unpackbits(bits[start : start + BLOCK])) + 8 * start
        ids[done : done + len(found)] = found
        done += len(found)
    return ids
