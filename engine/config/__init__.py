"""Flags, settings and recipes: what a run is asked to do."""
