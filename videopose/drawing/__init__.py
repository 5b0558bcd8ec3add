"""People drawn on images: pixels only, no files."""
