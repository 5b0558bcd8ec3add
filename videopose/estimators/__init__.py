"""Image and boxes in, results in image pixels out."""
