"""Names of classes and groups that a person would call one, and group columns with merged cells."""

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from unicodedata import category, normalize

import pandas as pd

from data_prep.rules.finders import Context, Need, Stage, finds
from data_prep.rules.registry import Finding
from natkit.core.labels import class_name, class_names

ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # how a workbook writes a control character
MOST = 6  # spellings that are shown


def folded(name: str) -> str:
    """A name without what a person overlooks: case, width, spaces, control characters, leftovers of XML."""
    text = ESCAPED.sub(lambda code: chr(int(code[1], 16)), html.unescape(name))
    text = normalize("NFKC", text)
    text = "".join(c for c in text if category(c) not in ("Cc", "Cf", "Cs"))
    return "".join(text.split()).casefold()


def alike_classes(table: pd.DataFrame, columns: Sequence[str]) -> list[Finding]:
    """A finding for each column in which two names are one when :func:`folded`.

    ``evidence``: ``spellings`` (text), ``spaces`` (True: only spaces at the ends differ, which never count).
    """
    found = []
    for column in columns:
        written = table[column].dropna()
        written = written[class_names(written).notna()]
        counts = written.map(lambda v: v if isinstance(v, str) else class_name(v)).value_counts()
        alike: dict[str, list[str]] = defaultdict(list)
        for spelling in counts.index:
            alike[folded(spelling)].append(spelling)
        sets = [sorted(names) for key, names in sorted(alike.items()) if key and len(names) > 1]
        if not sets:
            continue
        classes = [{class_name(name) for name in names} for names in sets]
        spaces = all(len(names) == 1 for names in classes)
        shown = [repr(name) for names in sets for name in names]
        more = ", …" if len(shown) > MOST else ""
        evidence = {"column": column, "spellings": ", ".join(shown[:MOST]) + more, "spaces": spaces}
        n = int(sum(counts[name] for names in sets for name in names))
        found.append(Finding("alike_classes", "note" if spaces else "warning", (), evidence, n))
    return found


@finds("alike_classes", stage=Stage.TABLE, needs=[Need.TABLE])
def _alike_classes(context: Context) -> list[Finding]:
    named = [] if context.label is None else [context.label]
    return alike_classes(context.scan.table, [*named, *context.groups])
