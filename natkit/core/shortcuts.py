"""What tells a label in a shortcut: one word for the audit, the verdict and the report."""

from enum import StrEnum


class Source(StrEnum):
    """Where a shortcut lies. A word that is none of these is refused (ValueError), never passed over."""

    TABLE = "table"
    IMAGES = "image statistics"
    SIGNALS = "signal statistics"

    @property
    def measured(self) -> bool:
        """Whether it was measured on the images or signals themselves: then a verdict asks for it."""
        return self is not Source.TABLE
