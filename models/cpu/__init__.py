"""What exists for speed and memory on CPUs."""
