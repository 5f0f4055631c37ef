"""Comparing recorded runs: `python -m engine.compare`."""
