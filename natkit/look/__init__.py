"""What is there? Map, clusters, neighbours: embeddings in, numbers out. Imports core and data; no torch."""
