"""Pictures of a screen: fields with outlines, cells, plate maps."""
