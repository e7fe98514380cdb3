"""Is it any good? Embeddings and labels in, numbers out; no torch."""
