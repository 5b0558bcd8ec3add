"""Measurements with numbers to hold: networks, temporal modules, tracking, speed."""
