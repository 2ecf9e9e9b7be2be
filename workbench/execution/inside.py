"""What runs inside the sandbox. This file is read as text and handed to a bare Python: it imports nothing of the project.

Two processes, each in a sandbox of its own, talk over two pipes:

    python -c THIS_FILE program READ WRITE     runs the program, then answers: look up a name, call a function
    python -c THIS_FILE tests READ WRITE       runs the tests, which ask the other for whatever they do not define

Both read their part of the job as JSON from standard input. Messages are lines of JSON. What passes between the two is
data, rebuilt on the other side, never an object of the program's: a result whose `==` says yes to everything does not
arrive. The tests' process writes the secret to its standard output once the last test has passed, or else what went
wrong; the program's process writes there what the program prints, and never has the secret, the tests or the expected
results.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import resource
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

LONGEST_MESSAGE = 2**22
"""Characters of a line; a result that is longer counts as a failure."""
LONGEST_REASON = 300
"""Characters of what is said of a failure."""


# --- data as JSON: every type that compares by value, and nothing that runs code when it is rebuilt ---

_MANY: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_TEXTUAL: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "int": (int, hex, lambda text: int(text, 16)),
    "float": (float, float.hex, float.fromhex),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
}
_IMPORTED = {"Decimal": "decimal", "Fraction": "fractions"}
"""Numbers that most programs never see, by the modules that define them."""


def packed(value: Any) -> Any:
    """A value as JSON can hold it; subclasses become what they derive from.

    Raises:
        TypeError: the value is not plain data.
    """
    if value is None or isinstance(value, bool | str):
        return value
    for name, (type_, write, _) in _TEXTUAL.items():
        if isinstance(value, type_):
            return {name: write(value)}
    if isinstance(value, complex):
        return {"complex": [packed(value.real), packed(value.imag)]}
    if isinstance(value, dict):
        return {"dict": [[packed(key), packed(part)] for key, part in value.items()]}
    if _IMPORTED.get(type(value).__name__) == type(value).__module__:
        return {type(value).__name__: str(value)}
    for name, type_ in _MANY.items():
        if isinstance(value, type_):
            return {name: [packed(part) for part in value]}
    raise TypeError(f"a {type(value).__name__} cannot be passed between the program and its tests")


def unpacked(content: Any) -> Any:
    """The value that `packed` wrote down."""
    if content is None or isinstance(content, bool | str):
        return content
    ((name, inner),) = content.items()
    if name in _TEXTUAL:
        return _TEXTUAL[name][2](inner)
    if name in _IMPORTED:
        return getattr(importlib.import_module(_IMPORTED[name]), name)(inner)
    if name == "complex":
        return complex(*map(unpacked, inner))
    if name == "dict":
        return {unpacked(key): unpacked(part) for key, part in inner}
    return _MANY[name](map(unpacked, inner))


# --- the program ---


def serve(program: str, calls: Any, answers: Any) -> None:
    """Run the program, then answer for its names until nobody asks any more."""
    module = types.ModuleType("program")
    sys.modules["program"] = module
    printed = sys.stdout

    def answer(work: Callable[[], dict[str, Any]]) -> None:
        try:
            line = json.dumps(work())
        except BaseException as error:  # A program may raise anything, SystemExit and KeyboardInterrupt too.
            line = json.dumps({"error": type(error).__name__, "text": str(error)[:LONGEST_REASON]})
        # Before the answer, so that it is counted before the tests have ended; the program may have closed it.
        with suppress(Exception):
            printed.flush()
        answers.write(line + "\n")
        answers.flush()

    def started() -> dict[str, Any]:
        exec(compile(program, "<program>", "exec"), module.__dict__)
        return {}

    answer(started)
    for line in calls:
        asked = json.loads(line)
        answer(partial(_looked_up if "name" in asked else _called, module, asked))


def _looked_up(module: types.ModuleType, asked: Mapping[str, Any]) -> dict[str, Any]:
    if asked["name"] not in module.__dict__:
        return {"missing": True}
    value = module.__dict__[asked["name"]]
    if isinstance(value, types.ModuleType):
        return {"module": value.__name__}
    return {"function": True} if callable(value) else {"value": packed(value)}


def _called(module: types.ModuleType, asked: Mapping[str, Any]) -> dict[str, Any]:
    function = module.__dict__[asked["call"]]
    return {"value": packed(function(*unpacked(asked["arguments"]), **unpacked(asked["keywords"])))}


# --- the tests ---


class Remote(dict[str, Any]):
    """The builtins of the tests: their own, and then whatever the program defines."""

    def __init__(self, calls: Any, answers: Any) -> None:
        super().__init__(vars(builtins))
        self._calls, self._answers = calls, answers

    def __missing__(self, name: str) -> Any:
        answer = self._ask({"name": name})
        if "function" in answer:
            self[name] = self._function(name)
            return self[name]
        # Only the standard library: what a module runs when it is imported is then known.
        if str(answer.get("module", "")).partition(".")[0] in sys.stdlib_module_names:
            return importlib.import_module(answer["module"])
        if "value" in answer:
            return unpacked(answer["value"])
        raise KeyError(name)  # Python makes a NameError of it.

    def answer(self) -> dict[str, Any]:
        """The program's next message; what it raised is raised here."""
        line = self._answers.readline(LONGEST_MESSAGE)
        if not line:
            raise EOFError("the program ended before its tests did")
        if not line.endswith("\n"):
            raise ValueError("a result is too long")
        answer = json.loads(line)
        if "error" in answer:
            type_ = getattr(builtins, str(answer["error"]), RuntimeError)
            expected = isinstance(type_, type) and issubclass(type_, Exception)
            raise (type_ if expected else RuntimeError)(str(answer["text"]))
        return dict(answer)

    def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self._calls.write(json.dumps(message) + "\n")
        self._calls.flush()
        return self.answer()

    def _function(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            message = {"call": name, "arguments": packed(arguments), "keywords": packed(keywords)}
            return unpacked(self._ask(message)["value"])

        return call


def run_tests(tests: str, calls: Any, answers: Any) -> str:
    """Run the tests; empty if all passed, else what went wrong."""
    remote = Remote(calls, answers)
    try:
        remote.answer()
        exec(compile(tests, "<tests>", "exec"), {"__builtins__": remote, "__name__": "tests"})
    except BaseException as error:  # Whatever ends the tests early, they have not passed.
        return f"{type(error).__name__}: {error}"[:LONGEST_REASON]
    return ""


# --- both ---


def confine(limits: Mapping[str, int]) -> None:
    """Lower this process's limits for good: `limits` are names of `resource.RLIMIT_...`."""
    for name, value in limits.items():
        # A program may live through the soft limit on CPU time, which is a signal; not through the hard one.
        hard = value + 1 if name == "CPU" else value
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, hard))


def main(role: str, read: str, write: str) -> None:
    """Take the job from standard input and do this process's part of it."""
    job = json.load(sys.stdin)
    verdict = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    # What a program prints is counted by the workbench; what the tests print goes nowhere.
    for standard in (0,) if role == "program" else (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    confine(job["limits"])
    if any("random" in str(text) for text in job.values()):
        # The same program passes or fails the same tests every time. (Importing it takes as long as Python's start.)
        importlib.import_module("random").seed(0)
    incoming, outgoing = os.fdopen(int(read), encoding="utf-8"), os.fdopen(int(write), "w", encoding="utf-8")
    if role == "program":
        verdict.close()
        serve(job["program"], incoming, outgoing)
    else:
        verdict.write(run_tests(job["tests"], outgoing, incoming) or job["secret"])
        verdict.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
