"""People in tubes of frames: merged and linked."""
