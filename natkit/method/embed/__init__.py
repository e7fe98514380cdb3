"""From a network, or none, to an Embedding; ``python -m natkit.method.embed`` is what torchrun starts.

Imports networks, views and training.
"""
