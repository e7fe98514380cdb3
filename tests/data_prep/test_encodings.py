"""Text is read in the encoding in which it makes sense, else refused or told: never silently as something else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.scanning.encodings import decode
from data_prep.scanning.tables import read_table
from natkit.core.errors import InputError

WESTERN = [
    "Kratzer tief, Grün",
    "Fuß",
    "MÜHLE",
    "40 °C",
    "±5 µm",
    "dégât",
    "cœur",
    "“ok”",
    "año",
    "½ Ø",
]
JAPANESE = ["不良", "キズ", "ｷｽﾞ", "NG品", "汚れ", "判定", "左", "ﾛｯﾄA", "径φ5", "①", "1号機", "皺"]


def text_of(word: str) -> str:
    return f"file;kind\na.png;{word}\nb.png;ok\n"


@pytest.mark.parametrize("word", WESTERN)
def test_western_windows_is_no_japanese(word):
    text, guessed = decode(text_of(word).encode("cp1252"))
    assert (text, guessed) == (text_of(word), "cp1252")


@pytest.mark.parametrize("word", JAPANESE)
def test_japanese_windows_is_no_western(word):
    assert decode(text_of(word).encode("cp932"))[0] == text_of(word)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "iso2022_jp"])
def test_what_names_its_encoding_is_certain(encoding):
    assert decode(text_of("不良").encode(encoding)) == (text_of("不良"), None)


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        *(("царапина", "cp1251"), ("划痕", "gb18030"), ("불량", "cp949"), ("刮傷", "big5")),
        *(("Gerät", "mac_roman"), ("Lötfehler", "cp850"), ("Größe", "cp437"), ("kırık", "cp1254")),
    ],
)
def test_what_is_neither_is_refused_with_what_it_would_say(word, encoding, tmp_path):
    (tmp_path / "t.csv").write_bytes(text_of(word).encode(encoding))
    with pytest.raises(
        InputError, match=r"its encoding can't be told.*as (cp932|euc_jp|cp1252): '"
    ):
        read_table(tmp_path / "t.csv")


words = st.lists(st.sampled_from(JAPANESE[:-1] + WESTERN), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(words, st.sampled_from(["cp932", "cp1252", "euc_jp", "utf-8", "utf-16"]))
def test_a_text_is_read_right_or_told(some, encoding):
    """Whatever words of both kinds stand together: the same text, or a refusal, or the encoding is told."""
    text = text_of(";".join(some)).replace("ok", "ok" + ";" * (len(some) - 1))
    try:
        raw = text.encode(encoding)
        read, guessed = decode(raw)
    except ValueError:  # the encoding lacks a word, or it is refused
        return
    assert read == text or guessed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_text_without_controls_or_refused(raw):
    try:
        text, guessed = decode(raw)
    except ValueError:
        return
    assert "\0" not in text
    if guessed:
        assert not any(0x7F <= ord(c) < 0xA0 or 0xE000 <= ord(c) < 0xF900 for c in text)
