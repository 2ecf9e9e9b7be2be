"""A translation task tested on another's sentences turned round, so that both directions see the same pairs."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from workbench.errors import UserError
from workbench.tasks.task import Item, Task


def on_sentences_of(task: Task, other: Task) -> Task:
    """`task` with the test pairs of `other` as its own, sources for targets; they keep their names.

    Raises:
        UserError: one of the two is no translation, or an example that `task` may show is one of those sentences.
    """
    for each in (task, other):
        if each.kind != "translate":
            raise UserError(f"Task {each.name!r} is of kind {each.kind!r}; two translation tasks are compared.")
    test = tuple(Item(item.name, item.target, item.source) for item in other.test)
    sources = {item.source for item in test}
    shown = next((item.source for item in task.pool if item.source in sources), None)
    if shown is not None:
        raise UserError(
            f"Task {task.name!r} may show as an example what {other.name!r} is tested on ({shown!r}); give tasks that "
            "keep their test sentences apart."
        )
    digest = hashlib.sha256(f"{task.digest} turned {other.digest}".encode()).hexdigest()
    return replace(task, test=test, digest=digest)
