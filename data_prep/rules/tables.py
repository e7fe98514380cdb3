"""What became of the user's table: rows, columns and cells that are not as the file has them."""

from data_prep.rules.finders import Context, Need, Stage, finds
from data_prep.rules.registry import Finding
from data_prep.scanning.remarks import WORDS_AS_GAPS

# rules that are seldom about a fault
NOTES = ("column_unnamed", "rows_elsewhere", "rows_without_image")


@finds(
    "column_left_out",
    "column_unnamed",
    "encoding",
    "rows_elsewhere",
    "rows_without_image",
    WORDS_AS_GAPS,
    stage=Stage.TABLE,
    needs=[Need.TABLE],
)
def remarked(context: Context) -> list[Finding]:
    """A finding for each remark of the scan; words read as gaps only where the column was named."""
    named = (context.label, *context.groups, context.time, context.split)
    images = len(context.scan.table)
    found = []
    for remark in context.scan.remarks:
        if remark.rule in context.rules and (
            remark.rule != WORDS_AS_GAPS or remark.column in named
        ):
            severity = "note" if remark.rule in NOTES else "warning"
            count = min(remark.count, images) or images
            found.append(Finding(remark.rule, severity, (), remark.evidence, count))
    return found
