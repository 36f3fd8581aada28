"""Read lm-eval's result files, pair them, compare methods, plan sample sizes, print tables."""
