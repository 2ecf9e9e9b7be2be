"""Training: the embedded model's recipe and the loop it runs in."""
