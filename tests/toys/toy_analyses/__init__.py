"""Analyses for the tests of runs and of the command line; no model is needed for them."""
