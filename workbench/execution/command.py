"""The command line that starts a bare Python in a sandbox of its own, by bubblewrap.

Started by root, the sandbox is made by root and entered by nobody: the kernel does not hold root's processes to their
limits. Otherwise it is made in a user namespace, where the same user has no privileges.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from workbench.errors import UserError

NOBODY = "65534"
"""User and group that root becomes."""
_SYSTEM = ("/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
"""Shown beside /usr, where they are there: what a Python needs to start."""
REMEDY = "install it (Debian and Ubuntu: `apt-get install bubblewrap`), or choose another score than pass_at_1"


def sandboxed(arguments: Sequence[str], *, filter_from: int, temporary_bytes: int) -> list[str]:
    """The command that runs `python ARGUMENTS` in a sandbox.

    Args:
        arguments: for Python.
        filter_from: file descriptor that the filter of system calls is read from.
        temporary_bytes: size of the sandbox's only writable folder, /tmp, in memory.

    Raises:
        UserError: bubblewrap is missing, or this is not Linux.
    """
    bubblewrap = _bubblewrap()
    prefix = Path(sys.base_prefix)
    python = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    privileges, become = _as_root() if os.geteuid() == 0 else _as_user()
    system = [part for path in _SYSTEM for part in ("--ro-bind-try", path, path)]
    return [
        bubblewrap,
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"),
        *("--cap-drop", "ALL", *privileges, "--seccomp", str(filter_from)),
        *("--die-with-parent", "--new-session", "--clearenv", "--setenv", "PYTHONHASHSEED", "0"),
        *("--ro-bind", "/usr", "/usr", *system, "--dev", "/dev", "--remount-ro", "/dev"),
        *("--size", str(temporary_bytes), "--perms", "1777", "--tmpfs", "/tmp", "--chdir", "/tmp"),
        *(*_shown(prefix), "--remount-ro", "/"),
        *(*become, str(python), "-s", "-S", "-B", "-P", "-X", "utf8"),
        *arguments,
    ]


def _bubblewrap() -> str:
    if not sys.platform.startswith("linux"):
        raise UserError(
            f"Code is executed only on Linux, where the kernel can confine it; this is {sys.platform}. Run this on "
            "Linux (a virtual machine will do), or choose another score than pass_at_1."
        )
    found = shutil.which("bwrap")
    if found is None:
        raise UserError(f"Code is executed only inside bubblewrap, and there is no `bwrap` here: {REMEDY}.")
    return found


def _shown(prefix: Path) -> list[str]:
    """A Python that lies outside /usr, at its own place."""
    if prefix.is_relative_to("/usr"):
        return []
    # The folders above it are empty but for the way to it; bubblewrap would let only their owner through.
    above = [part for folder in reversed(prefix.parents[:-1]) for part in ("--perms", "0755", "--dir", str(folder))]
    return [*above, "--ro-bind", str(prefix), str(prefix)]


def _as_user() -> tuple[list[str], list[str]]:
    """bubblewrap's options, and what stands before the command inside, for an ordinary user."""
    # No further user namespace inside: in one, a program could mount memory that no limit counts.
    return ["--unshare-user", "--disable-userns"], []


def _as_root() -> tuple[list[str], list[str]]:
    """The same for root, who makes the sandbox and then becomes nobody in it.

    There a further user namespace is out of reach because `unshare` is refused, and `clone` would be a second process.
    """
    setpriv = shutil.which("setpriv", path="/usr/bin:/usr/sbin")
    if setpriv is None:
        raise UserError(
            "Root's code is executed by an unprivileged user, and there is no /usr/bin/setpriv here to become one: "
            "install util-linux, or start this as another user."
        )
    # These two go with root.
    kept = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return kept, [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
