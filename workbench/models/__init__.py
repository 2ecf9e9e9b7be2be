"""Models: which there are, how one is loaded, and what the rest of the workbench may know of it.

Only this package touches TransformerLens classes. `registry` needs no torch; everything else does.
"""
