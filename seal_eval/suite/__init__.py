"""A matrix of runs: models × methods × tasks × sizes, planned, executed here or on a cluster, and continued after any death."""
