"""What people say of images while they look: labels, tags, set aside. Kept in the ledger, undone by saying it again."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from natkit.core.errors import InputError
from natkit.core.files import plain, unplain, writing

LEDGER = ("time", "path", "rule", "finding", "evidence", "action", "by")
SAID = {  # rule in the ledger: what was found, the column in the table, where none was named
    "label": ("A person gave a label.", "label_by_eye"),
    "tag": ("A person gave a tag.", "tag_by_eye"),
    "set_aside": ("A person set the image aside, or took it back.", "set_aside_by_eye"),
}
SNAPSHOT = "marks.csv"  # beside the ledger: what counts now, for people; never read back


def rows(
    table: pd.DataFrame,
    ids: Sequence[int],
    label_column: str | None,
    label: object = None,
    tag: str | None = None,
    set_aside: bool | None = None,
    by: str = "",
) -> pd.DataFrame:
    """Rows for the ledger: one for each image and each thing that is said of it.

    Parameters
    ----------
    table
        The manifest: columns ``id``, ``path``, ``pixel_hash``.
    ids
        Which images.
    label, tag, set_aside
        What is said; None says nothing. An empty label or tag takes the one by eye away.
    label_column
        The column of the labels: a label must be of its type.
    by
        Who says it.

    Raises
    ------
    InputError
        For an id that is not there, a label that the column can't hold, or if nothing is said.
    """
    ids = [int(i) for i in ids]
    known = table.set_index("id")
    unknown = [i for i in ids if i not in known.index]
    if unknown:
        raise InputError(
            f"There is no image with the id {unknown[0]}; ids run from {table['id'].min()} to "
            f"{table['id'].max()}. Take ids of this prepared folder."
        )
    said = {"label": label, "tag": tag, "set_aside": set_aside}
    said = {rule: value for rule, value in said.items() if value is not None}
    if not said or not ids:
        raise InputError("Nothing is said: give ids, and a label, a tag or set_aside.")
    if said.get("label") not in (None, "") and label_column in table.columns:
        typed(pd.Series([said["label"]]), table[label_column])
    now, out = datetime.now(UTC).isoformat(timespec="seconds"), []
    for rule, value in said.items():
        action = {"label": "labelled", "tag": "tagged"}.get(
            rule, "quarantined" if value else "kept"
        )
        for i in ids:
            facts = {"decided": action, "note": str(value), "pixels": known.at[i, "pixel_hash"]}
            evidence = json.dumps(facts, ensure_ascii=False)
            out.append(
                (now, known.at[i, "path"], rule, SAID[rule][0], evidence, action, by or "unnamed")
            )
    return pd.DataFrame(out, columns=list(LEDGER)).map(plain)


def current(ledger: pd.DataFrame) -> pd.DataFrame:
    """What counts: the last word of each kind about each image. Columns path, rule, note, pixels, by, time.

    Raises
    ------
    InputError
        If the ledger was changed so that it can't be read.
    """
    found = []
    try:
        for row in ledger[ledger["rule"].isin(SAID)].itertuples(index=False):
            facts = json.loads(row.evidence)
            path, note, pixels = unplain(row.path), str(facts["note"]), str(facts["pixels"])
            found.append((path, row.rule, note, pixels, unplain(row.by), row.time))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"ledger.csv was changed in a way that can't be read ({error!r}). It has the columns "
            f"{', '.join(LEDGER)}, with JSON as evidence. Bring back the file that natkit wrote."
        ) from error
    out = pd.DataFrame(found, columns=["path", "rule", "note", "pixels", "by", "time"])
    return out.drop_duplicates(["path", "rule"], keep="last", ignore_index=True)


def applied(table: pd.DataFrame, said: pd.DataFrame, label: str | None) -> pd.DataFrame:
    """The table with what people said: in the label column, and in columns of their own for tags and set aside.

    Only of images whose pixels are as they were then.
    """
    if not len(said):
        return table
    out = table.copy()
    row_of = pd.Series(out.index, index=out["path"])
    hashes = out.set_index("path")["pixel_hash"]
    for rule, some in said[said["path"].isin(row_of.index)].groupby("rule", sort=False):
        some = some[some["pixels"].to_numpy() == hashes.loc[some["path"]].to_numpy()]
        if rule != "set_aside":
            some = some[some["note"] != ""]
        column = label if rule == "label" and label in out.columns else SAID[rule][1]
        if column not in out.columns:
            out[column] = False if rule == "set_aside" else pd.Series(None, out.index, object)
        if rule == "set_aside":
            values = some["note"] == "True"
        elif rule == "label" and column == label:
            values = typed(some["note"], out[column])
            kind = out[column].dtype
            if isinstance(kind, pd.CategoricalDtype) or kind.kind in "Mb":
                out[column] = out[column].astype(object)  # which has room for a new class
        else:
            values = some["note"]
        out.loc[row_of.loc[some["path"]].to_numpy(), column] = values.to_numpy()
    return out


def typed(notes: pd.Series, column: pd.Series) -> pd.Series:
    """Labels as the column holds them: numbers in a column of numbers, True and False where it has these.

    Raises
    ------
    InputError
        For a label that can't be one.
    """
    values = set(column.dropna().astype(str))
    if values and values <= {"True", "False"}:
        bad = ~notes.astype(str).isin(["True", "False"])
        if not bad.any():
            return notes.astype(str) == "True"
    elif pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(notes, errors="coerce")
        bad = numbers.isna()
        if pd.api.types.is_integer_dtype(column):
            bad |= numbers % 1 != 0
        if not bad.any():
            return numbers.astype(float)
    else:
        return notes.astype(str)
    raise InputError(
        f"The column {column.name!r} holds {', '.join(sorted(values)[:5])}, so a label can't be "
        f"{notes[bad].iloc[0]!r}. Give one of its kind."
    )


def record(folder: Path, new: pd.DataFrame) -> None:
    """Append rows to the ledger of a prepared folder, and write what counts now to ``marks.csv``.

    Each is written whole or not at all.
    """
    ledger = pd.read_csv(folder / "ledger.csv", dtype=str, keep_default_na=False)
    ledger = pd.concat([ledger, new], ignore_index=True)
    with writing(folder / "ledger.csv") as part:
        ledger.to_csv(part, index=False, encoding="utf-8")
    said = current(ledger).map(plain).drop(columns="pixels")
    with writing(folder / SNAPSHOT) as part:
        said.to_csv(part, index=False, encoding="utf-8-sig")  # so that Excel reads the Japanese


def hash_with(manifest: str, said: pd.DataFrame) -> str:
    """The data hash: that of the manifest, or of manifest and marks where there are any."""
    if not len(said):
        return manifest
    text = said.sort_values(["path", "rule"])[["path", "rule", "note"]].to_json(orient="values")
    return hashlib.sha256(f"{manifest}{text}".encode()).hexdigest()
