"""Faces found in photographs and videos: tracked, predicted, averaged over time, reported and drawn."""
