"""What lies in the folder and what the table says of it, read once. Imports natkit's core and data."""
