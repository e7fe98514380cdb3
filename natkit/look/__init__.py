"""What is there? Embeddings in, numbers out; no torch."""
