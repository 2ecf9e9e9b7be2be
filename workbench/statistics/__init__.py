"""From measurements to curves, layers and comparisons, each with its interval."""
