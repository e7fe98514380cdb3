"""Carry out an audit: write the prepared folder, in which each kept image is a row of the manifest."""

from pathlib import Path

import numpy as np

from data_prep.deciding.audited import Audit
from data_prep.rules.groups import role
from data_prep.scanning.measuring import SIZES
from data_prep.writing.info import info
from data_prep.writing.ledger import ledger
from data_prep.writing.mends import image_writer, steps
from data_prep.writing.partition import splits, users_split, weights
from data_prep.writing.signals import signal_writer
from natkit.core.errors import InputError
from natkit.data.manifest import SPLITS, Prepared, write


def prepare(audit: Audit, folder: str | Path, seed: int = 0, own_split: bool = False) -> Prepared:
    """Write the prepared folder: manifest, ledger, splits, weights, mended images. The user's files stay.

    Train, val and test get 60, 20 and 20 % of the images, alike in label and small groups. A value
    of a group with 30 or more values (lot, part) never stands in two splits, nor do copies, exact
    or near. Images without label go to train, unless their lot lies elsewhere. A mended image is
    written into ``images/`` of the folder, without loss. Signals are written into it, filled and whole.

    Parameters
    ----------
    folder
        Must not exist or be empty.
    seed
        For the splits.
    own_split
        Keep the split of the audit's own column ``split``, such as the official one of a public set: train, val or test
        for each image, as it stands there. The audit's finding "leakage" tells what it separates.

    Raises
    ------
    InputError
        If no images are left, the folder holds something, the groups can't be split, or the user's own split lacks
        a part or an image.
    """
    kept = audit.kept
    if len(kept) < len(SPLITS):
        raise InputError(
            f"{len(kept)} of {len(audit.scan.table)} {audit.scan.kind} are left after the audit, but train, "
            f"val and test need at least {len(SPLITS)}. See audit.table for what put the others "
            "aside."
        )
    roles = {group: role(kept[group]) for group in audit.groups}
    table = kept[["path", *SIZES, "pixel_hash", *audit.scan.user_columns]].copy()
    table.insert(0, "id", np.arange(len(table)))
    split = users_split(audit, kept) if own_split else splits(audit, kept, roles, seed)
    table.insert(2, "split", split)
    table.insert(3, "weight", weights(audit, table, roles))
    mends = steps(audit, set(kept["path"]))
    about = info(audit, table, roles, len(mends), seed, own_split)
    scan = audit.scan
    if scan.signals is None:
        images = image_writer(scan.root, table, mends)
        return write(folder, scan.root, table, ledger(audit), about, images)
    about |= {"name": scan.root.name, "signals": [len(table), *scan.signals.shape[1:]]}
    signals = signal_writer(scan, table, mends, audit.rules)
    return write(folder, folder, table, ledger(audit), about, signals)
