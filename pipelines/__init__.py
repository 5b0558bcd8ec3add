"""Recipes: how stages are put together, one screen each."""
