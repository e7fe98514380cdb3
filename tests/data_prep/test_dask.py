"""A scan spread by joblib over a Dask cluster finds what one process finds."""

import joblib
import numpy as np
import pytest
from PIL import Image

import data_prep

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
