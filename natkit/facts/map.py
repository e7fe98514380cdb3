"""The map of the images, its clusters, and how far to trust it."""

from dataclasses import dataclass
from enum import StrEnum

from natkit.facts.base import Facts
from natkit.facts.numbers import Interval, Range


class Engine(StrEnum):
    """What laid the map out."""

    UMAP = "umap"
    TORCHDR = "torchdr"


class Clustering(StrEnum):
    """How the clusters were found: by density, or by slicing where density shows none."""

    HDBSCAN = "HDBSCAN"
    KMEANS = "KMeans"


class Measure(StrEnum):
    """A measure of the map's honesty."""

    TRUSTWORTHINESS = "trustworthiness"
    OVERLAP = "overlap"
    STABILITY = "stability"
    ISLANDS = "islands"


@dataclass(frozen=True)
class Honesty(Facts):
    """A measure of this map and of a map of shuffled data; flagged if this map is no better."""

    measure: Measure
    value: float
    control: float
    flagged: bool


@dataclass(frozen=True)
class Purity(Interval):
    """Share (0..1) of an image's neighbours in one space with its own value in ``column``, beside chance."""

    name: str
    column: str
    chance: float


@dataclass(frozen=True)
class Because(Facts):
    """The value that sets a cluster apart: its share inside and outside, and Cramér's V of its column (0..1)."""

    column: str
    value: str | None
    inside: Interval
    outside: float
    v: float


@dataclass(frozen=True)
class Cluster(Facts):
    """One cluster of ``n`` images (``share``, 0..1, of all) with the ids of images that show it."""

    cluster: int
    n: int
    share: float
    name: str | None
    medoid: int
    typical: tuple[int, ...]
    borderline: tuple[int, ...]
    odd: tuple[int, ...]
    picture: str | None  # contact sheet, a path in the report's folder
    labels: dict[str, int] | None
    because: Because | None


@dataclass(frozen=True)
class Explained(Facts):
    """How far the clusters go with a column: Cramér's V (0..1) with its interval."""

    column: str
    v: float
    low: float
    high: float

    @property
    def range(self) -> Range:
        """V as a number with interval."""
        return Range(self.v, self.low, self.high)


@dataclass(frozen=True)
class Colour(Facts):
    """The column that the map can be coloured by, and its value for each point."""

    column: str | None
    values: tuple[str, ...]


@dataclass(frozen=True)
class MapFacts(Facts):
    """The map of ``n`` images, of which at most 5,000 are points ``(x, y, cluster)``, −1 for none."""

    n: int
    seed: int
    n_neighbors: int
    min_dist: float
    engine: Engine
    trustworthiness: float  # 0..1
    honesty: tuple[Honesty, ...]
    purity: tuple[Purity, ...]
    points: tuple[tuple[float, float, int], ...]
    ids: tuple[int, ...]
    clusters: tuple[Cluster, ...]
    noise: int  # images in no cluster
    method: Clustering
    explained_by: tuple[Explained, ...]
    colour: Colour
