"""Songs for training: readers, splits by work, provenance and licence of each source."""
