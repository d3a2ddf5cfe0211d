"""The page to pass on: one HTML file for each screen, with its data beside it."""
