"""Trained networks as files for other runtimes: `python -m models.export CHECKPOINT --format FORMAT --out FILE`."""
