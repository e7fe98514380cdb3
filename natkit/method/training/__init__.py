"""The loop that every training shares, its state on disk, and several processes that train as one.

Imports objectives, networks and views.
"""
