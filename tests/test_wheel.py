"""The wheel in an environment of its own: all is in it, nothing of the checkout is needed, and the demo runs."""

import json
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]


def test_all_files_are_in_the_wheel(wheel):
    """What git tracks of the packages and notebooks, byte for byte, and nothing else."""
    folders = ["natkit", "data_prep", "notebooks"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True
    )
    tracked = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert len(tracked) > 100
    with zipfile.ZipFile(wheel) as file:
        inside = {n: file.read(n) for n in file.namelist() if ".dist-info/" not in n}
    wanted = {n.replace("notebooks/", "natkit/_notebooks/", 1) if n.startswith("notebooks/") else n: n
              for n in tracked}  # fmt: skip
    assert set(wanted) <= set(inside)
    for name, source in wanted.items():
        assert inside[name] == (ROOT / source).read_bytes(), name


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_of_the_checkout_is_needed(lang, called):
    """Import path, notebooks in both languages, templates, fonts and JupyterLab's settings lie in the environment."""
    code = f"""if True:
        import sys, natkit, data_prep, matplotlib_fontja
        from pathlib import Path
        from natkit.app import lab, notebooks
        from natkit.show.pages import template
        from natkit.show.words.catalogue import words
        new, kept = lab.copied(Path("mine_{lang}"), "{lang}")
        assert len(new) == 7 and not kept, new
        template("report/report.html.j2"), template("explorer/explorer.html.j2")
        assert words("{lang}")("page.verdict")
        settings = list((lab.SETTINGS / "labconfig").iterdir())
        assert settings
        for path in (natkit.__file__, data_prep.__file__, matplotlib_fontja.get_font_ttf_path(),
                     notebooks.source("00_tour", "{lang}"), *settings):
            assert Path(path).is_file() and Path(path).is_relative_to(sys.prefix), path
        print(Path("mine_{lang}").absolute(), *sys.path, sep=chr(10))"""
    run = called("python", "-c", code)
    assert run.returncode == 0, run.stderr
    assert str(ROOT) not in run.stdout
    first = (Path(run.stdout.splitlines()[0]) / "00_tour.ipynb").read_bytes()
    assert (
        first
        == (ROOT / "notebooks" / ("ja" if lang == "ja" else "") / "00_tour.ipynb").read_bytes()
    )


def test_the_demo(demo_run):
    """Real cells, soiled: every planted fault that is looked for is found, nearly nothing else."""
    out, run = demo_run
    assert run.returncode == 0, run.stderr
    assert f"Report: {out / 'report.html'}" in run.stdout
    assert (out / "report.html").stat().st_size <= 5_000_000
    facts = json.loads((out / "summary.json").read_text())
    assert facts["verdict"]["decision"] != "go"  # no target was given
    assert {row["name"] for row in facts["evidence"]["scores"]} == {
        "NAT", "untrained", "pixels", "supervised", "fine-tuned", "majority"
    }  # fmt: skip
    assert all(facts["evidence"][part] for part in ("curve", "robustness", "held_out", "groups"))
    assert facts["cost"]["prices"]["made_up"]
    assert facts["cost"]["point"]["missed"]["n"] > 10
    data = facts["data"]
    missed = {row["kind"]: row["missed"] for row in data["planted"]}
    assert all(row["looked_for"] for row in data["planted"])
    assert {kind for kind, n in missed.items() if n} <= {"near_copy", "blur", "dark"}
    assert max(missed.values()) <= 1  # of ten
    assert data["false_alarms"]["flagged"] <= 0.03 * data["false_alarms"]["clean"]  # dark cells
    ledger = pd.read_csv(out / "prepared" / "ledger.csv")
    truth = pd.read_csv(out / "data" / "solar_cells" / "truth.csv")
    changed = set(ledger.loc[ledger["action"].isin(["quarantined", "mended"]), "path"])
    assert len(changed - set(truth["path"])) <= 2  # hardly a sound image is touched
    assert "CC BY-NC-SA" in data["licence"]
    assert {f["rule"] for f in data["findings"]} >= {"absent", "shortcut", "group_imbalance"}
    for notebook in (out / "notebooks").iterdir():  # no warning reaches a reader
        cells = json.loads(notebook.read_text())["cells"]
        said = [o for c in cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
        assert said == [], notebook.name
