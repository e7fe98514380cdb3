"""What a step wrote is noted, so that it and nothing else can be taken back."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natkit.core.files import RECORD, scratch, take_back, write_json, writing

NAMES = st.sampled_from(
    ["a.txt", "b.txt", "prepared/a.txt", "prepared/deep/b.txt", "figures/c.png"]
)


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    """A results folder in which a step runs."""
    folder = tmp_path / "out"
    (folder / "notebooks").mkdir(parents=True)
    monkeypatch.setenv(RECORD, str(record(folder)))
    return folder


def record(out: Path) -> Path:
    return out / "notebooks" / ".step.written.jsonl"


def files(out: Path) -> set[str]:
    return {p.relative_to(out).as_posix() for p in out.rglob("*") if not p.is_dir()}


def ours(path: Path, text: str) -> None:
    with writing(path) as part:
        part.write_text(text)


def theirs(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@given(before=st.sets(NAMES), during=st.sets(NAMES), by_us=st.sets(NAMES), edited=st.sets(NAMES))
def test_exactly_what_we_wrote_goes(tmp_path_factory, before, during, by_us, edited):
    """Whatever the user put there before or during the step, or changed since, stays as it is."""
    out = tmp_path_factory.mktemp("out")
    (out / "notebooks").mkdir()
    for name in before:
        theirs(out / name, "before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RECORD, str(record(out)))
        for name in sorted(by_us - before):
            ours(out / name, "ours")
    for name in (during | edited) - before:
        theirs(out / name, "by hand, later")
    take_back(record(out))
    assert files(out) == before | during | edited
    assert {(out / name).read_text() for name in before} <= {"before"}


def test_folders_that_a_step_made_go_when_nothing_of_the_users_is_in_them(out):
    with writing(out / "prepared") as part:
        (part / "images" / "deep").mkdir(parents=True)
        (part / "images" / "deep" / "a.png").write_bytes(b"a")
        (part / "manifest.csv").write_text("id")
    write_json(out / "sections" / "a.json", {})
    (out / "prepared" / "images" / "mine.txt").write_text("mine")
    (out / "figures").mkdir()  # of the user's, and empty
    take_back(record(out))
    left = sorted(p.relative_to(out).as_posix() for p in out.rglob("*"))
    assert left == [
        "figures",
        "notebooks",
        "prepared",
        "prepared/images",
        "prepared/images/mine.txt",
    ]


def test_what_a_later_run_goes_on_with_is_spared(out):
    ours(out / "training" / "a", "ours")
    ours(out / "b", "ours")
    take_back(record(out), ("training",))
    assert files(out) == {"training/a"}


def test_half_written_things_of_a_killed_process_go(out):
    """A kill runs no ``finally``: the parts are known by the record, its last line may be cut."""
    names = []
    for path in (out / "a", out / "data" / "b"):
        generator = writing(path).gen  # entered, never left
        part = next(generator)
        part.mkdir() if path.name == "b" else part.write_text("half")
        names.append(generator)
    with scratch(out / "data") as thrown:
        (thrown / "c").write_text("c")
        assert files(out) > {"notebooks/.step.written.jsonl"}
        with open(record(out), "a") as file:
            file.write('{"kind": "file", "pa')
        take_back(record(out))
        assert not files(out)
        assert not (out / "data").exists()
        thrown.mkdir(parents=True)


@pytest.mark.parametrize(
    "path", ["../mine.txt", "/mine.txt", "notebooks/../../mine.txt", ".", 3, None]
)
def test_a_record_changed_by_hand_reaches_nothing_outside(out, path):
    mine = out.parent / "mine.txt"
    mine.write_text("mine")
    record(out).write_text(json.dumps({"kind": "part", "path": path, "state": None}) + "\n[]\n7\n")
    take_back(record(out))
    assert mine.read_text() == "mine"
    assert out.exists()


def test_scratch_folders_elsewhere_are_not_noted(out, tmp_path):
    ours(tmp_path / "elsewhere" / "a", "ours")
    take_back(record(out))
    assert (tmp_path / "elsewhere" / "a").exists()


def test_a_name_that_is_no_text_is_noted(out):
    name = os.fsdecode(b"\xe9.txt")
    ours(out / name, "ours")
    assert files(out) == {name, "notebooks/.step.written.jsonl"}
    take_back(record(out))
    assert not files(out)
