"""Several data sets in one table: each row is its own verdict, nothing is pooled."""

import numpy as np
import pandas as pd
import pytest

from natkit.core.errors import InputError
from natkit.data.embedding import Embedding
from natkit.evidence.scoring import score
from natkit.runs.compare import compare


def proof(noise, seed, known=None):
    rng = np.random.default_rng(seed)
    n = 300
    y = np.arange(n) % 2
    core = rng.standard_normal((n, 5)) + 1.5 * y[:, None] * (np.arange(5) == 0)
    ids = np.arange(n)
    made = [Embedding(core + s * rng.standard_normal((n, 5)), ids, {"name": name})
            for s, name in zip(noise, ("NAT", "pixels"), strict=True)]  # fmt: skip
    split = rng.permutation(np.repeat(["train", "val", "test"], [150, 50, 100]))
    label = pd.Series(y.astype(float)).where(ids < (known or n))
    return score(made[0], made[1:], pd.DataFrame({"id": ids, "split": split, "ng": label}), "ng")


def test_each_row_is_the_verdict_of_its_data():
    proofs = {
        "line 1": proof((0.1, 4.0), 0),
        "line 2": proof((4.0, 0.1), 1),
        "few": proof((1, 1), 2, 6),
    }
    table = compare(proofs).set_index("name")
    assert list(table["comparison"].fillna("none")) == ["ahead", "behind", "none"]
    assert list(table["ground"]) == ["no_target", "behind", "too_few"]
    row = table.loc["line 1"]
    assert row["ours"] - row["theirs"] == pytest.approx(row["difference"])
    assert row["low"] < row["difference"] < row["high"]
    assert np.isnan(table.loc["few", "ours"])
    again = compare({name: each.section() for name, each in proofs.items()})
    pd.testing.assert_frame_equal(again.set_index("name"), table)
    with pytest.raises(InputError, match="compare.. got no evidence"):
        compare({})
