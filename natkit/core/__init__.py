"""What every room stands on: errors, files, progress, statistics, what a class is. Imports nothing of ours."""
