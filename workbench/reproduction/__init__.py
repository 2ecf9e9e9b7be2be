"""Running again what a paper ran, and laying its published numbers beside one's own.

`experiments` says what is run, `work` and `cost` what that takes, `measured` reads the numbers off finished runs,
`comparison` lays both side by side and refuses what cannot be compared, `sheet` writes it down.
"""
