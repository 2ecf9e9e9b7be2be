"""Workbench: where inside a language model does in-context learning happen?"""

__version__ = "0.1.0"
