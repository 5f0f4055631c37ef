"""The folder of a run: where it starts or continues, its lock, log and records."""
