"""A small data set of drawn faces."""
