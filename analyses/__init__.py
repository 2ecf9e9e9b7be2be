"""One file for each question that a paper asks of a model."""
