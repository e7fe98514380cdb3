"""Noise As Targets, and nothing else."""

import os

# Threads that wait by spinning take the cores away from those that work, which hurts beside any busy
# neighbour. On idle cores sleeping costs about a tenth (tests/benchmarks/speed.py --only waiting).
# OpenMP reads this once, so it is set before torch is loaded; a user's own choice stands.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
