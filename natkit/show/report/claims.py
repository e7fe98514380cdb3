"""What a summary claims, held against its own numbers: a report that says more is not written."""

from natkit.core.errors import InputError
from natkit.facts.base import Absent, absent
from natkit.facts.cost import Cost
from natkit.facts.summary import Summary
from natkit.facts.verdict import Decision, Ground, Standing
from natkit.money.cost import payback
from natkit.show.words.titles import standing


def decision(facts: Summary) -> Ground:
    """The verdict's ground, after holding its claim against the intervals.

    Raises InputError if the summary claims what its own intervals do not show: such a report is
    not written.
    """
    told, evidence = facts.judged, facts.evidence
    claim = told.comparison
    shown = None
    if not absent(evidence):
        shown = standing([row.score for row in evidence.leads(evidence.decides)])
    if claim is not None and claim != shown:
        raise InputError(
            f"The summary claims '{claim}', but its intervals show '{shown or 'nothing'}'; a report says only "
            "what the numbers say. Build the summary again with natkit.summarize()."
        )
    go = told.decision is Decision.GO
    if go and (claim is not Standing.AHEAD or told.target is None):
        raise InputError(
            "The summary says go without a lead over every control and a target agreed beforehand; a report "
            "says only what the numbers say. Build the summary again with natkit.summarize()."
        )
    return told.ground


def paid(cost: Cost | Absent) -> None:
    """Raise InputError if the payback is not the one that project and saving give."""
    if absent(cost):
        return
    claimed, shown = cost.payback.plain(), payback(cost.project.plain(), cost.saving.plain())
    if claimed != shown:
        raise InputError(
            f"The summary claims the payback {claimed}, but its saving shows {shown}; a report "
            "says only what the numbers say. Build the section with natkit.money.cost.section()."
        )
