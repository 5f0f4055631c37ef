"""Figures drawn from a run's numbers and images."""
