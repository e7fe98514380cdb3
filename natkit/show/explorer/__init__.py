"""The map as a page of its own, without a server. Imports words and style."""
