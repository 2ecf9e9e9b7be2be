"""The kernel's filter of system calls for a program in the sandbox, as the bytes that `bwrap --seccomp` takes.

Namespaces leave some things of the machine in reach: sockets of families that have no namespaces (vsock reaches the
host of a virtual machine), keyrings that outlive a process, and interfaces of the kernel that no honest answer to a
programming task needs. Those calls fail with "operation not permitted".
"""

from __future__ import annotations

import errno
import platform
import struct

from workbench.errors import UserError

REFUSED = {
    # Audit architecture, then the numbers of socket, ptrace, mount, unshare, add_key, request_key, keyctl,
    # perf_event_open, bpf, userfaultfd, io_uring_setup (which opens sockets too).
    "x86_64": (0xC000003E, (41, 101, 165, 272, 248, 249, 250, 298, 321, 323, 425)),
    "aarch64": (0xC00000B7, (198, 117, 40, 97, 217, 218, 219, 241, 280, 282, 425)),
}
"""By machine. Numbers are those of the kernel's headers, asm/unistd_64.h and asm-generic/unistd.h."""

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
"""Offsets in the kernel's `struct seccomp_data`."""
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000
"""From here on, the numbers of x86-64's second interface, which would go round the list."""


def system_call_filter(machine: str | None = None) -> bytes:
    """The filter for a machine, this one by default: a classic BPF program, 8 bytes an instruction.

    Raises:
        UserError: the numbers of that machine's system calls are not known here.
    """
    name = machine or platform.machine()
    if name not in REFUSED:
        raise UserError(
            f"Code is executed only on {' and '.join(REFUSED)}; this machine is {name!r}. Choose another score than "
            "pass_at_1."
        )
    architecture, numbers = REFUSED[name]
    refuse = _FAIL | errno.EPERM
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in numbers:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    return b"".join(struct.pack("=HBBI", *step) for step in [*steps, (_RETURN, 0, 0, _ALLOW)])
