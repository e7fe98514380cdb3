"""What the main commands cost: seconds, memory, size of the report.

    uv run python tests/benchmarks/demo.py [--full]

Runs ``natkit demo --fast`` twice (and with ``--full`` the whole demo) into a temporary folder.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    full = parser.parse_args().full
    with tempfile.TemporaryDirectory() as folder:
        for name, options in {"fast, first": ["--fast"], "fast, again": ["--fast"]}.items():
            measure(name, Path(folder) / name.replace(", ", "-"), options)
        if full:
            measure("whole demo", Path(folder) / "full", [])
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import natkit"], check=True)
        bare = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        seconds.append((bare - start) - (time.perf_counter() - bare))
    print(f"import natkit: {sorted(seconds)[2] * 1000:.0f} ms above bare Python (median of 5)")


def measure(name: str, out: Path, options: list[str]) -> None:
    """Run the demo and watch the memory of the command and its kernels together."""
    start, peak = time.monotonic(), 0
    process = psutil.Popen(
        [sys.executable, "-m", "natkit.app.cli", "demo", "--out", str(out), *options]
    )
    while process.poll() is None:
        peak = max(peak, memory(process))
        time.sleep(0.2)
    report = out / "report.html"
    size = report.stat().st_size / 1e6 if report.exists() else float("nan")
    print(
        f"{name}: exit {process.returncode}, {time.monotonic() - start:.0f} s, "
        f"peak {peak / 1e9:.2f} GB, report {size:.2f} MB",
        flush=True,
    )


def memory(process: psutil.Process) -> int:
    """Bytes that the process and its children hold alone or share among themselves."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.Error:
            continue
    return total


if __name__ == "__main__":
    main()
