"""What may be wrong with the data: a rule names it, says why and what is done.

Imports scanning, and the number with interval of natkit.facts.
"""
