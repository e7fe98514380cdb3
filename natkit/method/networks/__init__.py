"""Backbones: ours, torchvision's and timm's, their weights, and how a trained one leaves the house.

Imports core and data.
"""
