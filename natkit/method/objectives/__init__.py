"""What a training strives for: a loss, and for NAT the targets, who holds which, and how they are matched.

Imports core and the settings.
"""
