"""How pixels move between images: optical flow, camera motion, appearance, paths along flow."""
