"""Charts: numbers and an Axes go in, the Axes comes out. Imports words and style."""
