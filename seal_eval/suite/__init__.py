"""Suites: all combinations of models, methods, tasks and sizes, run on this machine or on a cluster. A killed suite can be continued."""
