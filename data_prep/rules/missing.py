"""What is not there, or not as the table says: absent, unreadable, unlisted files, blank pictures, missing values."""

import pandas as pd

from data_prep.rules.finders import IMAGES, Context, Need, Stage, finds
from data_prep.rules.registry import Finding
from data_prep.scanning.whereabouts import MISNAMED
from natkit.core.labels import class_names
from natkit.core.stats import robust_spread

BLANK_CONTRAST = 0.03  # of the full range; real solar cells lie above 0.12, a covered lens at 0.015
BLANK_AGAINST_MEDIAN = (
    0.25  # and this share of the folder's median: 12 bits kept in 16 look flat too
)
MISSING_SHARE = 0.10  # above the folder's median; the darkest borders of solar cells reach 0.007
MISSING_SPREAD = 5.0  # robust standard deviations: pictures cut out on plain ground vary by habit
MANY_UNLISTED = 0.5  # share of the readable images from which it is a problem
NAMED = ("other_format", "colour_space")  # statuses that say more by the name of what is not read
MANY_MISSING = 0.20  # share of missing values from which a column earns a warning


def broken_images(table: pd.DataFrame, instead: dict[str, str] | None = None) -> list[Finding]:
    """Absent, misnamed, unreadable, blank, partly missing images; each by the first rule that fits.

    ``instead``: for a misnamed path the name of the file that is there.
    """
    good = table[table["status"] == "ok"]
    absent = table[table["status"] == "absent"]
    misnamed = table[table["status"].isin(MISNAMED)]
    unreadable = table[~table["status"].isin(["ok", "absent", *MISNAMED])]
    misnamed = misnamed.assign(instead=misnamed["path"].map(instead or {}).fillna(""))
    flat = good["contrast"].lt(
        min(BLANK_CONTRAST, BLANK_AGAINST_MEDIAN * good["contrast"].median())
    ) | good["contrast"].eq(0)
    rest = good[~flat]
    share = rest["missing_share"]
    spread = robust_spread(share.dropna())
    limit = share.median() + max(MISSING_SHARE, MISSING_SPREAD * spread)
    partly = rest[share > limit]
    found = [
        _images("absent", absent, {}, []),
        _images("misnamed", misnamed, {"reasons": _reasons(misnamed)}, ["status", "instead"]),
        _images("unreadable", unreadable, {"reasons": _reasons(unreadable)}, ["status"]),
        _images("blank", good[flat], {"limit": BLANK_CONTRAST}, ["contrast"]),
        _images("partly_missing", partly, {"limit": round(float(limit), 3)}, ["missing_share"]),
    ]
    return [finding for finding in found if finding.count]


def _reasons(rows: pd.DataFrame) -> dict[str, int]:
    """How many have each status; behind it the name of a format or colour space: "other_format HEIC"."""
    kinds = rows["format"] if "format" in rows else pd.Series("", rows.index)
    kinds = kinds.where(rows["status"].isin(NAMED), "")
    return (rows["status"] + " " + kinds).str.strip().value_counts().to_dict()


def unlisted(table: pd.DataFrame) -> list[Finding]:
    """Images that no row of the user's table names: masks, previews, or what was never labelled."""
    good = table[table["status"] == "ok"]
    rows = good[~good["listed"]]
    if rows.empty:
        return []
    severity = "problem" if len(rows) > MANY_UNLISTED * len(good) else "warning"
    return [_images("unlisted", rows, {"of": len(good)}, [], severity)]


def passed_over(counts: dict[str, int]) -> list[Finding]:
    """Files of the folder that were not read, by reason."""
    n = sum(counts.values())
    return [Finding("passed_over", "note", (), {"n": n, "reasons": counts}, n)] if n else []


def _images(
    rule: str, rows: pd.DataFrame, evidence: dict, columns: list[str], severity: str = "problem"
) -> Finding:
    details = tuple(rows[columns].round(4).to_dict("records"))
    paths = tuple(rows["path"])
    return Finding(rule, severity, paths, {"n": len(paths), **evidence}, len(paths), details)


def mixed_kinds(table: pd.DataFrame) -> list[Finding]:
    """Pictures of other channels or another depth than most; and files of several pages."""
    kinds = table["channels"].astype(str) + " × " + table["bits"].astype(str) + " bit"
    most = kinds.value_counts().index[0] if len(kinds) else ""
    odd, pages = table[kinds != most], table[table["pages"] > 1]
    others = ", ".join(sorted(set(kinds[kinds != most])))
    found = [
        _images(
            "mixed_kinds", odd, {"kind": most, "others": others}, ["channels", "bits"], "warning"
        ),
        _images("pages", pages, {}, ["pages"], "warning"),
    ]
    return [finding for finding in found if finding.count]


def missing_values(
    table: pd.DataFrame, columns: list[str], groups: tuple[str, ...]
) -> list[Finding]:
    """One finding for each column with missing values, with the share that is missing by group.

    Only images that the user's table lists are asked.
    """
    listed = table[table["listed"]]
    found = []
    for column in columns:
        gone = listed[column].isna()
        if not gone.any():
            continue
        by_group = {}
        for group in groups:
            if group != column:
                shares = gone.groupby(class_names(listed[group])).mean()
                by_group[group] = {
                    value: round(float(s), 4) for value, s in shares.head(30).items()
                }
        n = int(gone.sum())
        evidence = {"column": column, "missing": n, "n": len(listed), "by_group": by_group}
        serious = column in groups or n > MANY_MISSING * len(listed)
        paths = tuple(listed.loc[gone, "path"])
        details = ({"column": column},) * n
        severity = "warning" if serious else "note"
        found.append(Finding("missing_values", severity, paths, evidence, n, details))
    return found


def missing_labels(table: pd.DataFrame, label: str) -> list[Finding]:
    """Images without label, whether their row lacks it or the table lacks the row."""
    gone = table[class_names(table[label]).isna()]
    if gone.empty:
        return []
    not_listed = int((~gone["listed"]).sum())
    evidence = {"column": label, "missing": len(gone), "n": len(table), "not_in_table": not_listed}
    details = tuple({"column": label, "listed": bool(x)} for x in gone["listed"])
    return [Finding("label_missing", "note", tuple(gone["path"]), evidence, len(gone), details)]


@finds(
    "absent",
    "misnamed",
    "unreadable",
    "blank",
    "partly_missing",
    stage=Stage.FILES,
    about=[IMAGES],
)
def _broken_images(context: Context) -> list[Finding]:
    return broken_images(context.scan.table, context.scan.instead)


@finds("passed_over", stage=Stage.FILES, about=[IMAGES])
def _passed_over(context: Context) -> list[Finding]:
    return passed_over(context.scan.passed_over)


@finds("unlisted", stage=Stage.FILES, needs=[Need.TABLE], about=[IMAGES])
def _unlisted(context: Context) -> list[Finding]:
    return unlisted(context.scan.table)


@finds("mixed_kinds", "pages", stage=Stage.CONTENT, about=[IMAGES])
def _mixed_kinds(context: Context) -> list[Finding]:
    return mixed_kinds(context.kept)


@finds("missing_values", stage=Stage.GAPS)
def _missing_values(context: Context) -> list[Finding]:
    columns = [c for c in context.scan.user_columns if c not in (context.label, "path_user")]
    return missing_values(context.scan.table, columns, context.groups)


@finds("label_missing", stage=Stage.LABEL, needs=[Need.LABEL])
def _missing_labels(context: Context) -> list[Finding]:
    table = context.scan.table
    if "unlisted" in context.rules and context.rules["unlisted"].action == "quarantined":
        table = table[table["listed"]]  # of the others it is said already
    return missing_labels(table, context.label)
