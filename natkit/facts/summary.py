"""The summary as a whole: all that a report reads."""

from dataclasses import dataclass

from natkit.facts.base import Absent, Facts, WhyAbsent, absent
from natkit.facts.cost import Cost
from natkit.facts.data import Data, DataKind, Finding
from natkit.facts.evidence import Curve, EvidenceFacts, Unscored
from natkit.facts.map import MapFacts
from natkit.facts.training import Training
from natkit.facts.verdict import UNJUDGED, Verdict


@dataclass(frozen=True)
class NotThere(Absent):
    """Why a section is not there."""

    reason: WhyAbsent


@dataclass(frozen=True)
class Provenance(Facts):
    """What made these numbers; None is unknown."""

    natkit: str
    python: str
    platform: str
    packages: dict[str, str]  # versions
    data_hash: str | None
    seed: int
    device: str | None
    command: str | None
    started: str | None  # ISO 8601
    seconds: float | None
    licences: tuple[str, ...]


@dataclass(frozen=True)
class Summary(Facts):
    """``summary.json``, checked beforehand against its schema; ``Summary.of(plain)`` makes one."""

    format: str
    version: int
    data: Data | NotThere
    training: Training | NotThere
    map: MapFacts | NotThere
    evidence: EvidenceFacts | Unscored
    cost: Cost | NotThere
    verdict: Verdict | NotThere
    provenance: Provenance | NotThere

    @property
    def judged(self) -> Verdict:
        """The verdict; without one, that there is not enough evidence."""
        return UNJUDGED if absent(self.verdict) else self.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What cleaning found, if it ran."""
        return () if absent(self.data) else self.data.findings

    @property
    def curve(self) -> Curve | None:
        """The label curve, if there is one."""
        return None if absent(self.evidence) else self.evidence.curve

    @property
    def of_signals(self) -> bool:
        """Whether the data set is of signals, not of images."""
        return not absent(self.data) and self.data.kind is DataKind.SIGNALS

    @property
    def data_hash(self) -> str | None:
        """Of the data that the numbers are from, if it is known."""
        made = None if absent(self.provenance) else self.provenance.data_hash
        return made or (None if absent(self.data) else self.data.hash)
