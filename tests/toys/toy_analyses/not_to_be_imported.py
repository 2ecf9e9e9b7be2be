"""What happens to a program that imports every analysis to list them?"""

raise RuntimeError("a list of analyses must not import them")
