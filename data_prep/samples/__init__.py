"""Sample data: real solar cells, a drawn line, drawn bearings, and known faults planted in either."""

from data_prep.samples.planting import compare, soil
from data_prep.samples.sets import demo, solar_cells, synthetic_line

__all__ = ["compare", "demo", "soil", "solar_cells", "synthetic_line"]
