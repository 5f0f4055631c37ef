"""Images without labels: found, predicted, reported and drawn."""
