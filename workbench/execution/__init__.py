"""Executing programs that a model wrote, confined by the kernel; only where a person has allowed it.

    execute("def double(x):\\n    return 2 * x", "assert double(4) == 8").passed

The program and its tests run in two processes, each in a sandbox of its own made by bubblewrap, and exchange data only.
The tests' process writes a secret to the workbench when its last test has passed; the program's process has neither
the secret nor the tests nor the expected results, so that it cannot pass by ending early, by patching `assert` or
`==`, or by looking around in its own memory.

What a sandbox covers
- Own namespaces of processes, mounts, network, control groups, host name and System V objects: the program sees no other
  process and no network, not even the machine's own. Started by an ordinary user, an own one of users too.
- The system and this Python are there to be read; nothing can be written but an own /tmp in memory. Nobody's home, no
  /etc, no /proc, no environment.
- Limits (`Limits`) on time of computing and by the clock, memory, processes (one), size and number of files, and what is
  printed (1 MiB), which is counted and thrown away. A result of more than 4 million characters is a failure.
- No privileges: root becomes nobody first, system calls that reach beyond the namespaces are refused, and no user
  namespace can be made inside.
- When the tests have ended, or this process has, both sandboxes are killed with everything in them.

What it does not cover
- Faults of the kernel, of the processor and of bubblewrap. For programs of somebody who means harm, use a virtual machine.
- What the tests do not test. A program sees the arguments that it is called with and may have learnt the answers by heart.
- Tests that use other functions of the program than the one that is tested believe what these return.
- Reading what every user may read below /usr and in this Python's own folder.
- A machine kept busy: a program may use its limits up, and limits in time depend a little on the machine.

Other than in one process: results and arguments are copies, and what is not plain data (numbers, text, bytes, lists,
tuples, sets, dictionaries, Decimal, Fraction) is a failure; there are no threads; of packages only the standard library.
Hash and random seeds are fixed.
"""

from workbench.execution.sandbox import Execution, Limits, execute, require_sandbox

__all__ = ["Execution", "Limits", "execute", "require_sandbox"]
