"""Use cases from files to files: run, track again, propagate labels, render."""
