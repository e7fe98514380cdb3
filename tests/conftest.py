"""Settings of every test: no windows, one thread, no network."""

import os

os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # many small sums: threads only get in each other's way
