"""Is it any good? Embeddings and labels in, numbers out. Imports core and data; no torch."""
