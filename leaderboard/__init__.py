"""The leaderboard: a static site built from runs (build.py) and submissions of runs (submissions.py, verify.py)."""
