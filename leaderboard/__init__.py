"""Runs → a static site: build.py gathers and renders, figures.py draws, templates/ and static/ are copied in."""
