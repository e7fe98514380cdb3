"""The same network with labels, as a reference: what would labels bring? Imports all other rooms of method."""
