"""A screen of one's own, from the files a laboratory has."""
