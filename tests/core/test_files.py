"""Files appear whole or not at all; progress is told; an embedding survives the disk."""

import errno
import json

import numpy as np
import pandas as pd
import pytest
from safetensors import SafetensorError

from natkit import Embedding, InputError
from natkit.core import files
from natkit.core.files import write_json, writing
from natkit.core.progress import progress


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def interrupted() -> None:
        with writing(target) as part:
            part.write_text("half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [("a.txt", "old")]


def test_an_interrupted_folder_disappears(tmp_path):
    def interrupted() -> None:
        with writing(tmp_path / "run") as part:
            part.mkdir()
            (part / "weights").write_text("half")
            raise RuntimeError("planted")

    with pytest.raises(RuntimeError, match="planted"):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_whatever_the_writer_calls_it(tmp_path, monkeypatch):
    def failing() -> None:
        with writing(tmp_path / "a"):
            raise ValueError("1024 requested and 7 written")

    with pytest.raises(ValueError, match="7 written"):
        failing()
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="No space") as told:
        failing()
    assert told.value.errno == errno.ENOSPC


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_to_the_command_that_waits(tmp_path, monkeypatch):
    monkeypatch.setenv("NATKIT_PROGRESS", str(tmp_path / "log"))
    note = {}
    for letter in progress("abc", "count", note=note):
        note["letter"] = letter
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert lines[0] == {"what": "count", "done": 0, "total": 3, "note": {}}
    assert lines[-1] == {"what": "count", "done": 3, "total": 3, "note": {"letter": "c"}}


EMBEDDING = Embedding(np.eye(3), [5, 2, 9], {"name": "NAT"})


def test_an_embedding_survives_the_disk(tmp_path):
    EMBEDDING.save(tmp_path / "a.npz")
    loaded = Embedding.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded.vectors, EMBEDDING.vectors)
    assert loaded.ids.tolist() == [5, 2, 9]
    assert loaded.vectors.dtype == np.float32
    assert repr(loaded) == "Embedding(NAT, 3 images, 3 numbers each)"


def test_join_gives_the_rows_of_the_table_in_the_order_of_the_vectors():
    table = pd.DataFrame({"id": [2, 5, 7, 9], "defect": list("abcd")})
    assert EMBEDDING.join(table)["defect"].tolist() == ["b", "a", "d"]
    with pytest.raises(InputError, match="1 are missing"):
        EMBEDDING.join(table[table["id"] != 5])


@pytest.mark.parametrize(
    ("vectors", "ids", "message"),
    [
        (np.eye(3), [1, 2], "one id a row"),
        (np.eye(3), [1, 2, 2], "ids repeat"),
        (np.diag([1, np.nan, 1]), [1, 2, 3], r"row 1 \(id 2\) is not"),
    ],
)
def test_broken_embeddings_are_refused(vectors, ids, message):
    with pytest.raises(InputError, match=message):
        Embedding(vectors, ids)


def test_a_foreign_file_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", vectors=np.array([{}], dtype=object))
    for name in ("a.npz", "absent.npz"):
        with pytest.raises(InputError, match="not an embedding"):
            Embedding.load(tmp_path / name)


def test_what_the_system_refuses_is_an_os_error_whoever_says_it(tmp_path):
    """safetensors, in Rust, says a full disk in a text of its own, and frees the room that it had taken."""

    def failing() -> None:
        with writing(tmp_path / "a") as part:
            part.write_bytes(b"half")
            raise SafetensorError("I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left") as told:
        failing()
    assert told.value.errno == errno.ENOSPC
    assert told.value.filename == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []
