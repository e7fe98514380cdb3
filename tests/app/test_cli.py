"""The two commands as a user types them: the path, its end, and every way to get it wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from data_prep import samples
from natkit.app import cli

PARTS = 200


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    """A small drawn line: images/ and parts.csv."""
    folder = tmp_path_factory.mktemp("line") / "line"
    samples.synthetic_line(folder, n=PARTS, seed=0)
    return folder


def natkit(*arguments: str | Path, **more) -> subprocess.Popen:
    """``natkit …`` as a process of its own group, so that Ctrl-C reaches all of it."""
    command = [sys.executable, "-m", "natkit.app.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, start_new_session=True, **pipes, **more)


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err.replace("\r", "\n")


def sentence(err: str) -> str:
    """The one line for the user; a traceback would be a second one."""
    assert "Traceback" not in err
    lines = [row for row in err.splitlines() if row.startswith("natkit: ")]
    assert len(lines) == 1
    return lines[0]


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Names, sizes and times of all files: what must not change."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def test_a_folder_without_label_in_japanese(line, tmp_path):
    """Everything that needs no label runs, and the summary says which parts need one."""
    before = tree(line)
    out = tmp_path / "poc"
    code, printed, err = ended(
        natkit("poc", line / "images", "--fast", "--lang", "ja", "--out", out)
    )
    assert code == 0, err
    assert f"Report: {out / 'report.html'}" in printed
    assert f"Map to explore: {out / 'explorer.html'}" in printed
    facts = json.loads((out / "summary.json").read_text())
    assert facts["evidence"] == {"reason": "no_label"}
    assert facts["verdict"]["ground"] == "unscored"
    assert facts["cost"] == {"reason": "no_prices"}
    assert facts["data"]["counts"]["kept"] == PARTS
    assert facts["training"]["epochs"] == 2
    assert 'lang="ja"' in (out / "report.html").read_text()
    assert {p.name for p in out.iterdir()} == {
        "clusters.csv", "embeddings", "explorer.html", "figures", "findings.xlsx", "label_next.xlsx", "notebooks",
        "prepared", "report.html", "report.pptx", "report.xlsx",
        "run", "run.json", "scan.jsonl", "sections", "summary.json", "training",
    }  # fmt: skip
    assert sorted(p.name for p in (out / "notebooks").iterdir()) == [
        f"{s}.ipynb" for s in cli.STEPS
    ]
    for step in cli.STEPS:  # the notebooks left there are the Japanese ones
        cells = json.loads((out / "notebooks" / f"{step}.ipynb").read_text(encoding="utf-8"))[
            "cells"
        ]
        assert "問い" in "".join(cells[0]["source"])
        outputs = json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False)
        assert ("ラベル列の指定がないため" in outputs) == (step == "04_score")  # and it ends there
    assert tree(line) == before


def test_stopped_in_the_middle_and_taken_up_again(line, tmp_path):
    """Ctrl-C leaves the finished notebook and nothing half-written; the same command goes on."""
    out = tmp_path / "poc"
    arguments = ["poc", line, "--table", line / "parts.csv", "--label", "defect"]
    arguments += ["--group", "camera", "--group", "lot", "--fast", "--out", out]
    for pause in (0, 3):  # while the kernel starts, and inside the imports or the training
        process = natkit(*arguments)
        while not (out / "notebooks" / "02_train.unfinished.ipynb").exists():
            assert process.poll() is None, ended(process)
            time.sleep(0.1)
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGINT)
        code, _, err = ended(process)
        assert code == 130
        assert "Stopped" in sentence(err)
        left = {p.name for p in out.iterdir()} - {"training"}  # from which a training goes on
        whole = {"findings.xlsx", "notebooks", "prepared", "run.json", "scan.jsonl", "sections"}
        assert left == whole  # of 01_clean, which was done
        assert [p.name for p in (out / "notebooks").iterdir()] == ["01_clean.ipynb"]
    first = tree(out / "prepared")

    code, printed, err = ended(natkit(*arguments))
    assert code == 0, err
    assert "01_clean: done before" in printed
    assert {name: tree(out / "prepared")[name] for name in first} == first
    facts = json.loads((out / "summary.json").read_text())
    assert facts["verdict"]["decision"] in ("no_go", "not_enough")  # no target was given
    assert facts["verdict"]["comparison"] in ("ahead", "behind", "undecided", None)
    assert [g["column"] for g in facts["data"]["groups"]] == ["camera", "lot"]

    code, printed, err = ended(natkit(*arguments))
    assert code == 0, err
    assert printed.count("done before") == len(cli.STEPS)

    code, _, err = ended(natkit(*arguments, "--seed", "1"))
    assert code == 2
    assert "another run" in sentence(err)


def test_a_full_disk(line, tmp_path):
    """A disk of 400 kB: the run stops with a sentence, the finished part stays, nothing half-written."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        code, _, err = ended(natkit("poc", line, "--fast", "--out", disk / "poc"))
        assert code == 1
        assert "is full" in sentence(err)
        assert not list(disk.rglob("*.part"))
        assert not (disk / "poc" / "report.html").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_errors_of_the_notebooks_arrive_as_one_sentence(tmp_path):
    """No image opens, which only reading them tells: the error comes from inside a kernel."""
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    (images / "a.png").write_text("no image")
    code, _, err = ended(natkit("poc", images, "--out", out))
    assert code == 2
    assert "None of the 1 image files" in sentence(err)
    assert {p.name for p in out.iterdir()} <= {"notebooks", "run.json", "scan.jsonl"}
    assert not list((out / "notebooks").iterdir())
    other = {"images": str(images), "table": "", "label": ""}
    assert cli._open(out, other, "natkit poc")["parameters"] == other  # nothing to lose: start anew


def test_the_users_files_outlive_a_stop_and_a_kill(line, tmp_path):
    """A note put into the results while a step runs, and one in a folder of ours, stay where they are."""
    out = tmp_path / "out"
    arguments = ["poc", line / "images", "--fast", "--out", out]
    for end in (signal.SIGINT, signal.SIGKILL):
        process = natkit(*arguments)
        while not (out / "scan.jsonl").exists():
            assert process.poll() is None, ended(process)
            time.sleep(0.1)
        for name in ("memo.txt", "prepared/memo.txt", "notebooks/memo.txt"):
            (out / name).parent.mkdir(exist_ok=True)
            (out / name).write_text("measured by hand today")
        before = tree(out)
        process.send_signal(end)
        ended(process)
        mine = {"memo.txt", "prepared/memo.txt", "notebooks/memo.txt"}
        assert {name: tree(out)[name] for name in mine} == {name: before[name] for name in mine}
        shutil.rmtree(out / "prepared")  # of the user's: else 01_clean would find no place


def refused(capsys, *arguments: str | Path) -> str:
    assert cli.main([str(a) for a in arguments]) == 2
    return sentence(capsys.readouterr().err)


def test_wrong_folders_are_refused_before_anything_runs(line, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("important")
    assert "holds no natkit results" in refused(capsys, "poc", line, "--out", other)
    assert (other / "thesis.txt").read_text() == "important"
    assert "no folder" in refused(capsys, "poc", tmp_path / "absent", "--out", tmp_path / "o")
    table = tmp_path / "absent.csv"
    assert "no table" in refused(capsys, "poc", line, "--table", table, "--out", tmp_path / "o")
    assert "never written to" in refused(capsys, "poc", line, "--out", line / "out")
    file = tmp_path / "file"
    file.write_text("x")
    assert "is a file" in refused(capsys, "poc", line, "--out", file)
    assert not (tmp_path / "o").exists()


def test_lab_never_overwrites_a_notebook(tmp_path, monkeypatch, capsys):
    """A changed notebook stays and is named; what is missing is added; what is alike is left in silence."""
    started = []
    monkeypatch.setattr(cli.lab, "start", lambda folder, options: started.append((folder, options)))
    mine = tmp_path / "a" / "mine"
    assert (
        cli.main(["lab", str(mine), "--lang", "ja", "--no-browser", "--port", "0", "--", "-y"]) == 0
    )
    assert started == [(mine, ["--no-browser", "--port=0", "-y"])]
    assert "Left" not in capsys.readouterr().out
    names = sorted(p.name for p in mine.iterdir())
    assert names == [f"{step}.ipynb" for step in ("00_tour", *cli.STEPS, "06_signals")]
    for name in names:
        assert (mine / name).read_bytes() == cli.notebooks.source(name[:-6], "ja").read_bytes()

    (mine / names[0]).write_text("my work", encoding="utf-8")
    (mine / names[1]).unlink()
    before = tree(mine)
    assert cli.main(["lab", str(mine), "--lang", "ja"]) == 0
    told = capsys.readouterr().out
    assert f"new: {names[1]})" in told
    assert f"natkit's own: {names[0]}." in told
    assert {name: state for name, state in tree(mine).items() if name != names[1]} == before

    before = tree(mine)  # the other language: nothing is replaced
    assert cli.main(["lab", str(mine)]) == 0
    assert ", ".join(names) in capsys.readouterr().out
    assert tree(mine) == before


def test_lab_refuses_what_is_no_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    assert "is a file" in refused(capsys, "lab", tmp_path / "file")
    assert "can't be written to" in refused(capsys, "lab", tmp_path / "file" / "below")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["demo", "--", "--ip=0"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[prices]\nmissed = 3", 'names no currency. Write currency = "JPY"'),
        ("[price]\nmissed = 3", "holds 'price', which is not known here; prices, line, work are"),
        (
            '[prices]\ncurrency = "JPY"\nmised = 3',
            "holds 'mised', which is not known here; currency, missed",
        ),
        ('[prices]\ncurrency = "yen"', "three capital letters"),
        (
            '[prices]\ncurrency = "JPY"\n[line]\ndefect_rate = 2',
            "defect_rate is 2, but it must be a number",
        ),
        ("[prices\n", "could not be read as TOML"),
    ],
)
def test_wrong_prices_are_refused_before_anything_runs(text, said, line, tmp_path, capsys):
    file = tmp_path / "prices.toml"
    file.write_text(text, encoding="utf-8")
    told = refused(capsys, "poc", line / "images", "--prices", file, "--out", tmp_path / "out")
    assert said in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [([], []), (["--missing", ""], [""]), (["--missing", "-", "--missing", "?"], ["-", "?"])],
)
def test_the_words_of_a_gap_reach_the_notebook(more, expected, line, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(cli.notebooks, "run", lambda step, out, parameters: seen.append(parameters))
    cli.main(["poc", str(line), *more, "--out", str(tmp_path / "out")])
    assert [p.get("missing", []) for p in seen] == [expected] * len(cli.STEPS)


def test_changed_images_are_another_run(line, tmp_path, capsys):
    """Results belong to the data they came from: one changed file, and the folder no longer fits."""
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(line, copy)
    parameters = {"images": str(copy), "table": ""}
    state = cli._open(out, parameters, "natkit poc") | {"finished": {"01_clean": 1.0}}
    cli.write_json(out / "run.json", state)
    assert cli._open(out, parameters, "natkit poc") == state
    Image.new("L", (9, 9)).save(next((copy / "images").iterdir()))
    with pytest.raises(cli.InputError, match="its data differ"):
        cli._open(out, parameters, "natkit poc")
