"""Learn scales or low-rank adapters, measure what they cost, fold them into weights; find out which heads matter."""
