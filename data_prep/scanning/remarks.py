"""What a person should know about the reading of a table."""

from dataclasses import dataclass, replace

# codes of remarks that something is decided by
WORDS_AS_GAPS, MERGED_CELLS = "words_as_gaps", "merged_cells"


@dataclass(frozen=True)
class Remark:
    """Something that a person should know about the reading of a table: the code of its rule, and what it found."""

    rule: str
    evidence: dict[str, str | int]

    @property
    def column(self) -> str | None:
        """The column that it is about; None if it is about rows or the whole table."""
        return self.evidence.get("column")

    @property
    def count(self) -> int:
        """How many rows or cells it is about; 0 if about all."""
        return self.evidence.get("rows", self.evidence.get("cells", 0))

    def renamed(self, names: dict[str, str]) -> "Remark":
        """The same where columns have other names: ``names`` maps the old ones to the new."""
        if self.column is None:
            return self
        return replace(
            self, evidence=self.evidence | {"column": names.get(self.column, self.column)}
        )
