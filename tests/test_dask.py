"""What joblib spreads over a Dask cluster is what one process finds: a scan, an embedding."""

import joblib
import numpy as np
import pytest
from PIL import Image

import data_prep
from natkit import NAT
from natkit.method.embed import features as embed

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    """Two processes of this machine that work for joblib."""
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """400 pictures, several tasks for joblib; a copy of one, and one that can't be read."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(400):
        Image.fromarray(rng.integers(0, 255, (20, 20), dtype=np.uint8)).save(
            folder / f"{number}.png"
        )
    (folder / "copy.png").write_bytes((folder / "3.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "4.png").read_bytes()[:60])
    return folder


def test_a_scan_spread_over_processes_is_the_scan_of_one(cluster, folder, tmp_path):
    plain = data_prep.scan(folder)
    with joblib.parallel_config(backend="dask"):
        spread = data_prep.scan(folder, cache=tmp_path / "cache")
    assert spread.table.equals(plain.table)
    tasks = cluster.run(lambda dask_worker: dask_worker.state.executed_count)
    assert min(tasks.values()) > 0  # both have worked


def test_an_embedding_spread_over_processes_is_that_of_one(cluster, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (96, 16, 16, 1), dtype=np.uint8)
    model = NAT(epochs=1, size=16, batch_size=16, dim=8, head_width=16, device="cpu").fit(pixels)
    monkeypatch.setattr(embed, "BATCH", 16)
    plain = model.transform(pixels)
    before = cluster.run(lambda dask_worker: dask_worker.state.executed_count)
    with joblib.parallel_config(backend="dask"):
        spread = model.transform(pixels)
    after = cluster.run(lambda dask_worker: dask_worker.state.executed_count)
    np.testing.assert_allclose(spread, plain, rtol=1e-5, atol=1e-6)
    assert sum(after.values()) > sum(before.values())
