"""What all packages stand on: errors, files, settings, paths, pinned numerics."""
