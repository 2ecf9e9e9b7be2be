"""What trainings that add to a frozen model share (adapters, gates): examples, the loop that stops early, the folder.

Not in `workbench.training`, since measured numbers go through it.
"""
