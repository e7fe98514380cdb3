"""What a prepared folder says of its audit: findings, losses and the sentences of the rules, all of it plain JSON."""

import pandas as pd

from data_prep.deciding.audited import Audit
from data_prep.rules.evidence import plain
from data_prep.rules.losses import share
from data_prep.rules.registry import LANGUAGES
from natkit.core.labels import class_names
from natkit.data.manifest import SPLITS

EXAMPLES = 8  # paths named for each finding


def info(
    audit: Audit,
    table: pd.DataFrame,
    roles: dict[str, str],
    n_mended: int,
    seed: int,
    own_split: bool,
) -> dict:
    """What stands beside a manifest ``table``; ``roles`` of the groups, and how many images are mended."""
    in_split = table["split"].value_counts()
    return {
        "label": audit.label,
        "groups": [
            {"column": group, "role": role, "values": class_names(table[group]).nunique()}
            for group, role in roles.items()
        ],
        "rules": list(audit.looked_for),
        "sentences": sentences(audit),
        "audit": {"time": audit.time, "split": audit.split, "rules": audit.own},
        "own_split": own_split,
        "counts": {
            "listed": len(audit.scan.table),
            "kept": len(table),
            "quarantined": len(audit.quarantined),
            "mended": n_mended,
            **{split: int(in_split.get(split, 0)) for split in SPLITS},
        },
        "seed": seed,
        "licence": audit.scan.licence,
        "findings": findings(audit),
        "decimals": audit.scan.decimals,
        "losses": losses(audit),
    }


def sentences(audit: Audit) -> dict[str, dict[str, str]]:
    """What the rules say, by language and key, as the report wants it: ``rule.dark.name`` …"""
    return {
        lang: {
            f"rule.{code}.{part}": text
            for code in audit.looked_for
            for part in ("name", "why", "detail")
            if (text := getattr(audit.rules[code], part).get(lang))
        }
        for lang in LANGUAGES
    }


def findings(audit: Audit) -> list[dict]:
    """The findings as the summary shows them: JSON-able, with at most 8 example paths each."""
    return [
        {
            "rule": f.rule,
            "severity": f.severity,
            "action": f.action,
            "count": f.count,
            "share": min(1.0, round(f.count / len(audit.scan.table), 5)),
            "evidence": f.evidence,
            "examples": list(f.paths[:EXAMPLES]),
        }
        for f in audit.findings
    ]


def losses(audit: Audit) -> list[dict]:
    """What cleaning takes from each class and group, as the summary shows it."""
    counts = {"images": "n", "set aside": "aside", "mended": "mended", "held back": "held"}
    return [
        {"column": row["column"], "value": row["value"]}
        | {key: row[name] for name, key in counts.items()}
        | {"share": plain(share(row["set aside"], row["images"]))}
        for row in audit.losses.to_dict("records")
    ]
