"""Live widgets for JupyterLab: the one place where views and models meet.

    explorer = MaskExplorer(load("mini"))
    explorer                              # as the last line of a cell: shows it
    explorer.figure()                     # the same picture, static
    explorer.export("explorer.html")      # what is on screen, in one file that asks the network for nothing

Each shows one prompt at a time. `MaskExplorer`: what the model answers when the context is hidden from a layer on.
`LensExplorer`: what it would say if it ended after each layer. `HeadExplorer`: what each attention head is worth to the
answer, and where it looks.
"""

from workbench.explorers.asked import Asked
from workbench.explorers.heads import HeadExplorer
from workbench.explorers.lens import LensExplorer
from workbench.explorers.mask import MaskExplorer

__all__ = ["Asked", "HeadExplorer", "LensExplorer", "MaskExplorer"]
