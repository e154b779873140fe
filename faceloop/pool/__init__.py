"""All faces with their embeddings and labels: which are open, seen, held out or asked."""
