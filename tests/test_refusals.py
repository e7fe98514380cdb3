"""What the operating system refuses, and what somebody changed by hand: one sentence, nothing lost."""

import errno
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from natkit.app import cli


def sentence(err: str) -> str:
    """All that is printed: one line for the user."""
    assert err.startswith("natkit: ")
    assert err.count("\n") == 1
    return err


SYSTEM = [
    (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "is full"),
    (OSError(errno.EDQUOT, "Disk quota exceeded", "/a/b"), "is full, or your share of it"),
    (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "work with /a/b: Permission denied"),
    (OSError(errno.EROFS, "Read-only file system", b"/a/b"), "work with /a/b: Read-only file system"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "/a/b"), "/a/b: File name too long. Give a shorter"),
    (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/a/b"), "/a/b: Not a directory"),
    (OSError(errno.EMFILE, "Too many open files", "/a/b"), "Raise the limit (ulimit -n 1024)"),
    (OSError(errno.ESTALE, "Stale file handle", "/a/b"), "/a/b: Stale file handle"),
    (OSError(errno.EBADF, "Bad file descriptor"), "Bad file descriptor"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Broken pipe"),
    (OSError(errno.EIO, "planted"), "planted"),
    (OSError("no number"), "no number"),
    (TimeoutError(), "TimeoutError"),
    (PermissionError(errno.EACCES, "Permission denied", "caf\udce9"), "caf\\udce9: Permission denied"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["demo", "poc", "lab", "compare"])
@pytest.mark.parametrize(("error", "said"), SYSTEM, ids=[ascii(e[0])[:40] for e in SYSTEM])
def test_what_the_system_refuses_is_one_sentence(error, said, command, monkeypatch, capsys):
    def fail(*_):
        raise error

    for name in ("_poc", "_lab", "_compare"):
        monkeypatch.setattr(cli, name, fail)
    assert cli.main([command, "a"] if command != "demo" else [command]) == 1
    assert said in sentence(capsys.readouterr().err)


PLACES = ["/proc/natkit", "FILE/out", "FILE/deep/er", "x" * 300, "deep/" + "y" * 300]


@pytest.mark.parametrize("place", PLACES, ids=[p[:12] for p in PLACES])
@pytest.mark.parametrize("command", ["poc", "demo", "lab"])
def test_places_where_nothing_can_be_written(command, place, tmp_path, monkeypatch, capsys):
    """No such place, below a file, a name too long: a sentence, before any work."""
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "file").write_text("x")
    monkeypatch.chdir(tmp_path)
    place = place.replace("FILE", str(tmp_path / "file"))
    before = {"poc": [".", "--out"], "demo": ["--out"], "lab": []}[command]
    assert cli.main([command, *before, place]) in (1, 2)
    sentence(capsys.readouterr().err)
    assert (tmp_path / "file").read_text() == "x"


RUN = {"format": "natkit-poc", "version": 1, "finished": {"01_clean": 1.0}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        "{",
        "\0",
        "\xff",
        "[" * 10**5,
        json.dumps(RUN | {"version": 2}),
        json.dumps({}),
    ]
    + [
        json.dumps(RUN | {"finished": x})
        for x in ([], None, "all", {"01_clean": "yes"}, {"06_paint": 1})
    ],
)
def test_a_run_json_changed_by_hand_is_refused(text, tmp_path):
    (tmp_path / "run.json").write_text(text, "latin-1")
    with pytest.raises(cli.InputError, match="not as this natkit writes it"):
        cli._open(tmp_path, {}, "natkit demo")
    assert (tmp_path / "run.json").read_text("latin-1") == text


def test_a_run_json_saved_by_an_editor_of_windows_is_read(tmp_path):
    state = cli._open(tmp_path, {}, "natkit demo") | {"finished": {"01_clean": 1.0}}
    (tmp_path / "run.json").write_text(json.dumps(state), "utf-8-sig")
    assert cli._open(tmp_path, {}, "natkit demo") == state


def test_odd_names_beside_the_images_stop_nothing(tmp_path):
    """Bytes that are no UTF-8, a line break, a link to nowhere; and a change of one of them is seen."""
    for name in (b"\x8c\x9f\x8d\xb8.txt", b"a\nb.png", b"plain.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    (tmp_path / "nowhere.png").symlink_to("absent")
    parameters = {"images": str(tmp_path), "table": ""}
    first = cli._data_hash(parameters)
    assert cli._data_hash(parameters) == first
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\x8c\x9f\x8d\xb8.txt")).write_text("xy")
    assert cli._data_hash(parameters) != first
