"""`python -m seal_eval` is the console script."""

from seal_eval.cli import script

script()
