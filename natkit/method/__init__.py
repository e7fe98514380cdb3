"""Noise As Targets, and nothing else."""
