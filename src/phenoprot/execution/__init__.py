"""Work in shards: in parallel, resumable, here or on a Ray cluster."""
