"""Downloading the authors' published weight files: `python -m models.fetch NAME...`."""
