"""What people said of faces -> one label a face."""
