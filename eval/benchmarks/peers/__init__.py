"""How fast beside other packages: the same clip, the same boxes, the same network, taken in turns."""
