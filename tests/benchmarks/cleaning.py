"""Planted faults found, and clean images flagged, on solar cells and the synthetic line.

    uv run python tests/benchmarks/cleaning.py [--seeds 0 1 2]

Prints one row a kind: found of planted, summed over the seeds; then the false alarms. The unsoiled
solar cells are audited too: nothing was planted there, so every finding on an image is a false alarm.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import data_prep
from data_prep import samples

GROUPS = {"solar cells": ["type", "camera", "shift"], "line": ["camera", "shift", "lot"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    for name, groups in GROUPS.items():
        planted, found, clean, flagged, seconds = Counter(), Counter(), 0, 0, []
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                if name == "line":
                    samples.synthetic_line(folder / "clean", 600, seed)
                else:
                    samples.solar_cells(folder / "clean")
                table = samples.soil(folder / "clean", folder / "soiled", seed)
                start = time.perf_counter()
                scan = data_prep.scan(table.parent, table)
                seconds.append(time.perf_counter() - start)
                audit = data_prep.audit(scan, label="defect", groups=groups)
                prepared = data_prep.prepare(audit, folder / "prepared")
                kinds, alarms = samples.compare(table.parent / "truth.csv", prepared)
                for kind in kinds:
                    if kind["looked_for"]:
                        planted[kind["kind"]] += kind["planted"]
                        found[kind["kind"]] += kind["found"]
                clean, flagged = clean + alarms["clean"], flagged + alarms["flagged"]
        for kind, n in planted.items():
            print(f"{name:12} {kind:17} {found[kind]} of {n}")
        print(f"{name:12} clean images flagged: {flagged} of {clean}")
        print(
            f"{name:12} scan: {sorted(seconds)[len(seconds) // 2]:.1f} s for {len(scan.table)} rows"
        )
    with tempfile.TemporaryDirectory() as folder:
        table = samples.solar_cells(Path(folder) / "cells")
        audit = data_prep.audit(
            data_prep.scan(table.parent, table), label="defect", groups=["type"]
        )
        named = {path for finding in audit.findings for path in finding.paths}
        print(f"unsoiled solar cells: {len(named)} of {len(audit.scan.table)} images flagged")


if __name__ == "__main__":
    main()
