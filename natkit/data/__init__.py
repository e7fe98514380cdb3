"""The prepared folder and what is read of it: manifest, images and signals as arrays, the Embedding.

Imports core alone.
"""
