"""Random views of images and signals, what a line does to its pictures, and both for the eye. Imports core alone."""
