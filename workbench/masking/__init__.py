"""Conditions run beside the clean run, as rows: masks and what dropping the context saves."""
