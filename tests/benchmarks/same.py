"""Does a change leave what natkit says as it was? The demo before and after it, compared to the byte.

    uv run python tests/benchmarks/same.py run before/     # on the old commit: natkit demo --fast, then its reports
    uv run python tests/benchmarks/same.py run after/      # on the new one
    uv run python tests/benchmarks/same.py compare before/ after/

Compared are manifest, ledger, summary, and the text of the report in both languages; clocks and paths are left out.
Exits 1 and shows the first differences of each. The same commit twice says what the machine itself changes.
"""

import argparse
import difflib
import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pandas as pd

import natkit

CLOCKS = {"seconds", "images_per_second", "started", "command", "time"}
CLOCKS |= {"hours", "hours_year", "training", "rented_year", "own_year"}  # what a training costs
SHOWN = 12  # lines of each difference


def without_clocks(facts):
    """A summary in which everything that a clock or a path gave is 1."""
    if isinstance(facts, list):
        return [without_clocks(value) for value in facts]
    if not isinstance(facts, dict):
        return facts
    return {name: _still(name, value) for name, value in facts.items()}


def _still(name: str, value):
    if name not in CLOCKS or isinstance(value, dict | list | type(None)):
        return without_clocks(value)
    return "-" if isinstance(value, str) else 1


def run(out: Path) -> None:
    demo = [sys.executable, "-m", "natkit.app.cli", "demo", "--fast", "--out", str(out / "demo")]
    subprocess.run(demo, check=True)
    facts = without_clocks(json.loads((out / "demo" / "summary.json").read_text("utf-8")))
    for lang in ("en", "ja"):
        natkit.report(facts, out / lang, lang=lang)


def written(out: Path) -> dict[str, list[str]]:
    """Name → lines of everything that is compared."""
    prepared = out / "demo" / "prepared"
    ledger = pd.read_csv(prepared / "ledger.csv", dtype=str, keep_default_na=False)
    facts = without_clocks(json.loads((out / "demo" / "summary.json").read_text("utf-8")))
    found = {
        "manifest": (prepared / "manifest.csv").read_text("utf-8").splitlines(),
        "ledger": ledger.drop(columns="time").to_csv(index=False).splitlines(),
        "summary": json.dumps(facts, indent=1, ensure_ascii=False).splitlines(),
    }
    for lang in ("en", "ja"):
        page = (out / lang / "report.html").read_text("utf-8")
        page = re.sub(r"<(style|script|svg)\b.*?</\1>", "", page, flags=re.S)
        text = unescape(re.sub(r"<[^>]+>", "\n", page))
        found[f"report, {lang}"] = [line.strip() for line in text.splitlines() if line.strip()]
    return found


def compare(before: Path, after: Path) -> int:
    old, new, different = written(before), written(after), 0
    for name, lines in old.items():
        changes = [
            line
            for line in difflib.unified_diff(lines, new[name], lineterm="", n=0)
            if not line.startswith(("---", "+++", "@@"))
        ]
        print(f"{name}: {len(lines)} lines, {len(changes)} differ")
        print("".join(f"    {line[:160]}\n" for line in changes[:SHOWN]), end="")
        different += bool(changes)
    return int(different > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["run", "compare"])
    parser.add_argument("folders", nargs="+", type=Path)
    given = parser.parse_args()
    if given.what == "run":
        return run(given.folders[0])
    return compare(*given.folders)


if __name__ == "__main__":
    sys.exit(main())
