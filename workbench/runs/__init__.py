"""Runs: an analysis done cell by cell in a folder that can be left and taken up again at any time."""
