"""Any data set as its owners give it, written as one folder per split and class."""
