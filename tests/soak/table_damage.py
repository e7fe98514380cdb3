"""Damage to tables: what the bytes still say must be read, or the table be refused."""

import csv
import io
import re
import zipfile

import numpy as np
from table_books import as_parquet, columns_of, xlsx
from table_drawing import (
    GAP,
    NUMBERS,
    UNKNOWN,
    Made,
    Table,
    any_words,
    as_csv,
    damages,
    drawn,
    text_of,
)

MEASURED = re.compile(r"[1-9]\d*\.\d\d")  # like the column temp, whose name may be damaged


def changed(data: bytes, rng: np.random.Generator, how: str) -> bytes:
    place = int(rng.integers(0, len(data)))
    if how == "flip":
        out = bytearray(data)
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            out[at] ^= 1 << int(rng.integers(8))
        return bytes(out)
    if how == "cut":
        return data[: max(place, 1)]
    if how == "insert":
        return data[:place] + rng.bytes(int(rng.integers(1, 8))) + data[place:]
    if how == "remove":
        return data[:place] + data[place + int(rng.integers(1, 40)) :]
    n = int(rng.integers(1, 200))  # zeros, as a disk leaves them after a power cut
    return data[:place] + bytes(min(n, len(data) - place)) + data[place + n :]


def text_damaged(how: str):
    def make(rng) -> Made:
        words = any_words(rng)
        encodings = {"japanese": ["utf-8", "cp932", "utf-8-sig"], "western": ["utf-8"]}
        encoding = str(rng.choice(encodings.get(words, ["utf-8"])))
        separator = str(rng.choice([",", ";", "\t"]))
        quoting = int(rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        table = drawn(rng, words)
        whole = text_of(table, separator, str(rng.choice(["\n", "\r\n"])), quoting)
        data = changed(whole.encode(encoding), rng, how)
        return read_by_rule(table, data, encoding, separator)

    make.__name__ = f"text, {how}"
    return damages(make)


for _how in ("flip", "cut", "insert", "remove", "zero"):
    text_damaged(_how)


def read_by_rule(table: Table, data: bytes, encoding: str, separator: str) -> Made:
    """What a damaged text says, read by Python's csv in the encoding and separator it was written in."""
    text = data.decode(encoding, errors="replace")
    refuse = Made(".csv", data, {}, must_refuse=True)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False))
    except csv.Error:
        return refuse
    rows = [row for row in rows if row]
    if not rows:
        return refuse
    head = [c.strip().removeprefix("\ufeff") for c in rows[0]]
    if "\ufffd" in "".join(head) or len(set(head)) < len(head):
        return refuse
    if any(len(row) > len(head) for row in rows[1:]):
        return refuse
    truth = {}
    for row in rows[1:]:
        row = row + [""] * (len(head) - len(row))
        name = row[head.index("file")].strip() if "file" in head else row[0].strip()
        told = {c: UNKNOWN if "\ufffd" in v else v or GAP for c, v in zip(head, row, strict=True)}
        if name in truth and truth[name] != told:
            return refuse
        truth[name] = told
    told = {c: [row[c] for row in truth.values() if row[c] not in (GAP, UNKNOWN)] for c in head}
    measured = {c for c, texts in told.items() if all(MEASURED.fullmatch(t) for t in texts)}
    return Made(".csv", data, truth, numbers=NUMBERS & set(head) | measured)


def packed_damaged(kind: str, how: str):
    def make(rng) -> Made:
        made = xlsx(rng) if kind == "xlsx" else checked_parquet(rng)
        made.data = changed(made.data, rng, how)
        return made

    make.__name__ = f"{kind}, {how}"
    return damages(make)


def checked_parquet(rng) -> Made:
    """Pages carry checksums, so that damage can be told from data."""
    table = drawn(rng, any_words(rng))
    return as_parquet(table, columns_of(table), write_page_checksum=True, compression="none")


for _kind in ("xlsx", "parquet"):
    for _how in ("flip", "cut", "insert", "remove", "zero"):
        packed_damaged(_kind, _how)


@damages
def workbook_without_a_part(rng) -> Made:
    """One file of the workbook's zip is lost; what is read in spite of it must be right."""
    made = xlsx(rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made.data)) as old, zipfile.ZipFile(out, "w") as new:
        lost = str(rng.choice(old.namelist()))
        for name in old.namelist():
            if name != lost:
                new.writestr(name, old.read(name))
    made.data = out.getvalue()
    return made


@damages
def two_files_in_one(rng) -> Made:
    """A second export was appended, header and all: its header is no image; other lots of the same are refused."""
    table = drawn(rng, any_words(rng))
    text = text_of(table)
    return as_csv(table, text + ("\ufeff" if rng.random() < 0.5 else "") + text)
