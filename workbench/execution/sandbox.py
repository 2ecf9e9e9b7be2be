"""Running a program and its tests, each in a sandbox of its own, and finding out whether the tests passed."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path
from typing import Any

from workbench.errors import UserError
from workbench.execution import inside
from workbench.execution.command import REMEDY, sandboxed
from workbench.execution.system_calls import system_call_filter


@dataclass(frozen=True)
class Limits:
    """What a program may use; its tests, in a process of their own, get as much again."""

    cpu_seconds: int = 3
    """Time of computing; paper A's code waits for 3 seconds."""
    wall_seconds: int = 30
    """Time by the clock for program and tests together, for a program that sleeps; long, because a machine may be
    busy."""
    memory_bytes: int = 2**30
    """Address space."""
    processes: int = 1
    """One: neither a second process nor a thread can be started."""
    file_bytes: int = 2**20
    """Largest file."""
    temporary_bytes: int = 2**24
    """All files together."""
    printed_bytes: int = 2**20
    """All that is printed, on standard output and standard error together."""
    open_files: int = 32
    """Files open at a time."""

    def as_resources(self) -> dict[str, int]:
        """Those that are limits of a process, by the names of `resource.RLIMIT_...`."""
        return {
            "CPU": self.cpu_seconds,
            "AS": self.memory_bytes,
            "NPROC": self.processes,
            "FSIZE": self.file_bytes,
            "NOFILE": self.open_files,
            "CORE": 0,
        }


@dataclass(frozen=True)
class Execution:
    """What became of a program."""

    passed: bool
    reason: str
    """Why it did not pass; empty if it did. Written by the program in part, so only to be shown."""


_INSIDE = Path(inside.__file__).read_text(encoding="utf-8")
_LONGEST_VERDICT = 4096
_AT_ONCE = 2**16
"""Bytes read from a pipe at a time."""
_PATIENCE = 5.0
"""Seconds that a sandbox is given to end in good order."""


def execute(program: str, tests: str, limits: Limits | None = None) -> Execution:
    """Run a program, then tests that may use whatever it defines at its top level.

    Raises:
        UserError: programs cannot be confined on this machine, with what would help.
    """
    require_sandbox()
    allowed = limits or Limits()
    secret = secrets.token_hex(32)
    with ExitStack() as stack:
        calls, answers = _pipe(stack), _pipe(stack)
        runs = stack.enter_context(_process("program", {"program": program}, calls[0], answers[1], allowed))
        checks = stack.enter_context(
            _process("tests", {"tests": tests, "secret": secret}, answers[0], calls[1], allowed)
        )
        # The only ends left are the sandboxes' own, so that each hears when the other has gone.
        for end in (*calls, *answers):
            end.close()
        verdict, printed = _heard(runs, checks, allowed)
        if printed > allowed.printed_bytes:
            return Execution(False, f"printed more than {allowed.printed_bytes} bytes")
        if verdict == secret:
            return Execution(True, "")
        return Execution(False, _reason(runs, verdict, allowed))


@cache
def require_sandbox() -> None:
    """Refuse on a machine where programs cannot be confined; looks once.

    Raises:
        UserError: with what is missing and how to get it.
    """
    with _in_memory(system_call_filter()) as refused:
        number = refused.fileno()
        command = sandboxed(
            ["-c", "import os; print(os.getuid())"], filter_from=number, temporary_bytes=Limits.temporary_bytes
        )
        tried = subprocess.run(
            command, env={}, cwd="/", pass_fds=[number], capture_output=True, text=True, timeout=60, check=False
        )
    if tried.returncode or not tried.stdout.strip().isdigit() or int(tried.stdout) == 0:
        said = (tried.stderr.strip().splitlines() or [f"it printed {tried.stdout!r}"])[-1]
        raise UserError(
            f"Code is executed only inside bubblewrap, which does not work here ({said}); version 0.8 or newer is "
            f"needed, and a kernel that lets users make namespaces: {REMEDY}."
        )


def _pipe(stack: ExitStack) -> tuple[FileIO, FileIO]:
    """Read and write end."""
    read, write = os.pipe()
    return stack.enter_context(FileIO(read, "r")), stack.enter_context(FileIO(write, "w"))


@contextmanager
def _process(
    role: str, job: Mapping[str, Any], read: FileIO, write: FileIO, limits: Limits
) -> Iterator[subprocess.Popen[bytes]]:
    """A sandbox that does its part of the job; killed with everything in it at the end, whatever happened."""
    content = json.dumps({**job, "limits": limits.as_resources()}).encode()
    with _in_memory(content) as given, _in_memory(system_call_filter()) as refused:
        arguments = ["-c", _INSIDE, role, str(read.fileno()), str(write.fileno())]
        process = subprocess.Popen(
            sandboxed(arguments, filter_from=refused.fileno(), temporary_bytes=limits.temporary_bytes),
            stdin=given,
            # The tests' verdict, and what the program prints: a pipe, of which it can neither take back nor overwrite
            # what it has printed, and which is counted here, whatever it does with its signals.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if role == "program" else subprocess.DEVNULL,
            env={},
            cwd="/",
            pass_fds=[read.fileno(), write.fileno(), refused.fileno()],
        )
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a sandbox by killing its first process, so that bubblewrap itself lives to collect it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)
        except OSError:  # It has ended meanwhile.
            pass
        time.sleep(0.001)
    process.kill()  # Where that was not enough; the kernel then kills what is inside.


def _in_memory(content: bytes) -> FileIO:
    """A file without a name, to be read from its beginning."""
    file = FileIO(os.memfd_create("workbench"), "r+")
    file.write(content)
    file.seek(0)
    return file


def _heard(runs: subprocess.Popen[bytes], checks: subprocess.Popen[bytes], limits: Limits) -> tuple[str | None, int]:
    """What the tests' process wrote before it ended, None if it has not ended in time; how much the program printed.

    What is printed is thrown away as it is counted, and no more is waited for once it is too much.
    """
    assert runs.stdout is not None  # Both were started with a pipe.
    assert checks.stdout is not None
    prints, verdict = runs.stdout.fileno(), checks.stdout.fileno()
    deadline = time.monotonic() + limits.wall_seconds
    written, printed, unended = b"", 0, [prints, verdict]
    while unended and printed <= limits.printed_bytes:
        # Once the tests have ended, what was printed before that is in the pipe.
        left = deadline - time.monotonic() if verdict in unended else 0.0
        if left < 0:
            break
        ready = select.select(unended, [], [], left)[0]
        if not ready:
            break
        for each in ready:
            part = os.read(each, _AT_ONCE)
            if each == prints:
                printed += len(part)
            else:
                written += part
            if not part or len(written) > _LONGEST_VERDICT:
                unended.remove(each)
    return None if verdict in unended else written.decode("utf-8", errors="replace"), printed


def _reason(runs: subprocess.Popen[bytes], verdict: str | None, limits: Limits) -> str:
    """Why the tests have not passed."""
    if verdict is None:
        return f"neither passed nor failed within {limits.wall_seconds} s"
    if not verdict:
        return "the tests were ended by a limit"
    if not verdict.startswith("EOFError"):
        return verdict
    try:
        status = runs.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return verdict
    # bubblewrap passes on how its program ended, as shells do: 128 and the number of the signal.
    ended_by = signal.Signals(status - 128).name if status - 128 in set(signal.Signals) else f"status {status}"
    return f"{verdict} ({ended_by})"
