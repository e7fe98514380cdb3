"""For people: draws the summary, and never computes or changes a number of it."""
