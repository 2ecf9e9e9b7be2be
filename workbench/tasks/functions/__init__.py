"""Functions of numbers and of a list: described by a sentence, written in one of several notations."""
