"""Flags, settings and recipes: what a run is told to do."""
