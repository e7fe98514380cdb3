"""For people: draws the summary, and never computes or changes a number of it.

Imports core, data, look, evidence, money and runs; never method.
"""
