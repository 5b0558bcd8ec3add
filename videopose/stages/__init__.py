"""Adapters from the other rooms to streams of records."""
