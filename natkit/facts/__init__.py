"""What a summary says, as frozen dataclasses and enumerations: read once from plain JSON. Imports core."""
