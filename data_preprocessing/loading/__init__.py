"""From an image file to a batch: transforms, cache, data sets, loaders."""
