"""Where shards of work run: worker processes here, or Ray. Nothing here knows what a face is."""
