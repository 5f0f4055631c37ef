"""Whether the split of a data set can support a claim about new people."""
