"""The notations by name; and reading any text as a function, whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workbench.tasks.functions.expression import Expression, UnreadableError, checked
from workbench.tasks.functions.python_notation import read_python, write_python
from workbench.tasks.functions.sign_notations import read_lisp, read_postfix, write_lisp, write_postfix

LONGEST = 300
"""Characters in a text that is read. The family's own are shorter than 100."""


@dataclass(frozen=True)
class Notation:
    """A way to write functions, and back."""

    title: str
    """As instructions name it."""
    write: Callable[[Expression], str]
    """In one line, its words and signs apart by single spaces."""
    reader: Callable[[str], Expression]
    """Raises UnreadableError for what is no function in this notation."""

    def read(self, text: str) -> Expression | None:
        """The function that the text stands for, or None if it is none in this notation. Nothing is run."""
        text = text.strip()
        if len(text) > LONGEST:
            return None
        try:
            return checked(self.reader(text))
        except (UnreadableError, RecursionError):
            return None


NOTATIONS: dict[str, Notation] = {
    "python": Notation("a Python", write_python, read_python),
    "lisp": Notation("a Lisp", write_lisp, read_lisp),
    "postfix": Notation("a postfix", write_postfix, read_postfix),
}
