"""Predictions of a whole split and what they are worth."""
