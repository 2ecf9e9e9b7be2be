"""Each test attacks one property of the sandbox. A program passes its tests if the attack works."""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from workbench.execution import Execution, Limits, execute, sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("leaves_nothing")]
SHORT = Limits(cpu_seconds=1, wall_seconds=60)


def run(program: str, tests: str = "assert attack()", limits: Limits = SHORT) -> Execution:
    return execute(dedent(program), tests, limits)


def refuse(program: str, reason: str, **settings) -> None:
    found = run(program, **settings)
    assert not found.passed
    assert reason in found.reason


# --- what is right passes, what is wrong does not ---


def test_a_right_program_passes_and_a_wrong_one_does_not():
    tests = "def check(candidate):\n    assert candidate(2) == 4\ncheck(double)"
    assert run("def double(x):\n    return 2 * x", tests) == Execution(True, "")
    assert run("def double(x):\n    return x ** x + 1", tests) == Execution(False, "AssertionError: ")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def double(x) return", "SyntaxError"),
        ("def other(): pass", "NameError: name 'double' is not defined"),
        ("def double(x):\n    return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def double(x):\n    return double(x)", "RecursionError"),
        ("raise KeyboardInterrupt", "RuntimeError"),
        ("double = 3", "TypeError: 'int' object is not callable"),
        ("def double(x):\n    return object()", "a object cannot be passed"),
        ("", "NameError"),
    ],
)
def test_programs_that_do_not_work(program, reason):
    refuse(program, reason, tests="assert double(2) == 4")


def test_tests_see_what_the_program_defines_and_only_that():
    program = "import math\nlimit = 7\ndef double(x):\n    return 2 * x\ndef halve(x):\n    return x / 2"
    assert run(program, "assert halve(double(3)) == 3 and limit == 7 and math.sqrt(4) == 2").passed
    refuse(program, "NameError: name 'random' is not defined", tests="assert random.random() < 1")


def test_arguments_and_results_keep_their_types():
    values = "[None, True, -3, 10**5000, 0.1, float('inf'), 1j, 'é\\ud800', b'x', (1, [2]), {1: {2}}, frozenset()]"
    tests = (
        f"values = {values}\nback = same(values)\nassert (back, [*map(type, back)]) == (values, [*map(type, values)])"
    )
    assert run("def same(x):\n    return x", tests).passed


def test_an_exception_keeps_its_type():
    tests = "try:\n    fail()\nexcept ValueError as error:\n    assert str(error) == 'no'\nelse:\n    assert False"
    assert run("def fail():\n    raise ValueError('no')", tests).passed


def test_the_same_program_gives_the_same_result_every_time():
    program = "import random\ndef drawn():\n    return [random.random(), list({'a', 'b', 'c', 'd'}), hash('a')]"
    shown = run(program, "raise RuntimeError(drawn())").reason
    assert shown.startswith("RuntimeError: [0.")
    assert run(program, "raise RuntimeError(drawn())").reason == shown


# --- time, memory, processes, files, output ---


def test_a_loop_without_end():
    refuse("while True: pass", "SIGXCPU")


def test_a_loop_that_will_not_hear_the_signal():
    refuse("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "SIGKILL")


def test_a_loop_in_the_function():
    refuse("def attack():\n    while True: pass", "SIGXCPU")


def test_sleep():
    began = time.monotonic()
    refuse("import time\ntime.sleep(1000)", "within 2 s", limits=replace(SHORT, wall_seconds=2))
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "start",
    [
        "os.fork()",
        "threading.Thread(target=print).start()",
        "subprocess.run(['/usr/bin/true'])",
        "os.posix_spawn('/usr/bin/true', ['true'], {})",
        "multiprocessing.Process(target=print).start()",
    ],
)
def test_a_second_process(start):
    program = f"""
        import multiprocessing, os, subprocess, threading
        def attack():
            try:
                {start}
            except (OSError, RuntimeError) as error:
                raise ValueError(f"refused: {{error}}")
            return True
    """
    refuse(program, "refused: ")


def test_a_fork_bomb():
    program = """
        import os
        def attack():
            born = 0
            for _ in range(10_000):
                try:
                    born += os.fork() > 0
                except OSError:
                    pass
            return born
    """
    assert run(program, "assert attack() == 0").passed


@pytest.mark.parametrize("grab", ["bytearray(2**31)", "mmap.mmap(-1, 2**31)", "[0] * 2**28", "'x' * 2**31"])
def test_a_memory_bomb(grab):
    program = f"""
        import mmap
        def attack():
            try:
                return len({grab})
            except (MemoryError, OSError):
                raise ValueError("refused")
    """
    refuse(program, "ValueError: refused")


def test_a_memory_bomb_in_small_pieces():
    refuse("kept = []\nwhile True:\n    kept.append(bytearray(2**20))", "MemoryError", limits=Limits(cpu_seconds=10))


def test_writing_outside(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    places = [str(mine), str(tmp_path / "new"), "/x", "/usr/x", "/lib/x", "/dev/x", "/dev/shm/x", "/etc/x", "/root/x",
              "/var/tmp/x", "/home/x", f"{sys.base_prefix}/x", "../x"]  # fmt: skip
    program = f"""
        def attack():
            written = []
            for place in {places}:
                try:
                    open(place, "w").write("x")
                    written.append(place)
                except OSError:
                    pass
            return written
    """
    assert run(program, "assert attack() == []").passed
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_its_own_folder_is_small_and_goes_with_it():
    program = """
        import errno, os
        def attack():
            open("kept", "w").write("x")
            met = []
            for name, size in [("large", 2**20 + 1), *((str(number), 2**20) for number in range(20))]:
                try:
                    with open(f"/tmp/{name}", "wb", buffering=0) as file:
                        while size:
                            size -= file.write(bytes(size))
                except OSError as error:
                    met.append(error.errno)
            return met[0] == errno.EFBIG and set(met[1:]) == {errno.ENOSPC}
    """
    assert run(program).passed
    assert not run("import os\ndef attack():\n    return os.listdir('/tmp')").passed
    assert not Path("/tmp/kept").exists()


def test_memory_behind_files_without_names():
    program = """
        import os
        def attack():
            kept = []
            try:
                while True:
                    kept.append(os.memfd_create("x"))
                    os.truncate(kept[-1], 2**20)
                    os.posix_fallocate(kept[-1], 0, 2**20)
            except OSError:
                return sum(os.fstat(file).st_size for file in kept)
    """
    assert run(program, f"assert 0 < attack() <= {Limits.open_files * Limits.file_bytes}").passed


PRINTING = {
    "print": "print('x' * size, end='')",
    "lines": "for _ in range(size // 2): print('x')",
    "standard error": "sys.stderr.write('x' * size)",
    "descriptor 1": "write(1, size)",
    "descriptor 2": "write(2, size)",
    "both": "write(1, size // 2), write(2, size // 2)",
    "a duplicate": "write(os.dup(1), size)",
    "with another file in its place": "write(os.open('/dev/null', os.O_WRONLY), size), sys.stdout.write('x' * size)",
}


def printing(how: str, size: int, at_first: str = "pass") -> str:
    """A program whose function prints so many bytes, and gives the right answer."""
    return f"""
        import os, signal, sys
        def write(file, size):
            while size:
                size -= os.write(file, b"x" * min(size, 2**16))
        {at_first}
        def attack(size={size}):
            {PRINTING[how]}
            return 3
    """


@pytest.mark.parametrize("how", PRINTING)
def test_what_is_printed_has_a_limit_and_goes_nowhere(how, capfd, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    most = Limits.printed_bytes
    assert run(printing(how, most), "assert attack() == 3") == Execution(True, "")
    refuse(printing(how, most + 2), f"printed more than {most} bytes", tests="assert attack() == 3")
    assert capfd.readouterr() == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "at_first",
    [
        "[signal.signal(each, signal.SIG_IGN) for each in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}]",
        "os.set_blocking(1, False)",
        "sys.stderr.close()",
        "sys.stdout = None",
    ],
)
def test_printing_too_much_without_hearing_of_it(at_first):
    program = printing("descriptor 1", Limits.printed_bytes + 1, at_first).replace(
        "size -= os.write", "with contextlib.suppress(OSError): size -= os.write"
    )
    refuse(f"        import contextlib{program}", "printed more than", tests="assert attack() == 3")


def test_printing_too_much_is_not_taken_back():
    program = """
        import os
        def attack():
            refused = 0
            for _ in range(2**5):
                os.write(1, b"x" * 2**16)
                for undo in (lambda: os.ftruncate(1, 0), lambda: os.lseek(1, 0, 0), lambda: os.read(1, 2**16)):
                    try:
                        undo()
                    except OSError:
                        refused += 1
            return refused
    """
    refuse(program, "printed more than", tests="assert attack() == 3 * 2**5")


def test_printing_without_end():
    began = time.monotonic()
    for program in ("while True: print('x' * 1000)", "import os\nos.execv('/usr/bin/yes', ['yes'])"):
        refuse(program, "printed more than", limits=Limits())
    assert time.monotonic() - began < 20


def test_printing_slowly_is_no_way_to_stay():
    program = "import time\nwhile True:\n    print(flush=True)\n    time.sleep(0.001)"
    began = time.monotonic()
    refuse(program, "within 2 s", limits=replace(SHORT, wall_seconds=2))
    assert time.monotonic() - began < 20


def test_a_child_that_prints():
    program = (
        printing("descriptor 1", Limits.printed_bytes + 1)
        + """
        def child():
            try:
                born = os.fork()
            except OSError:
                return attack()
            return born or attack()
    """
    )
    refuse(program, "printed more than", tests="assert child() == 3")


def test_what_is_printed_while_the_tests_go_on_counts_together():
    program = printing("descriptor 2", 2**10)
    tests = "for _ in range({}): assert attack() == 3"
    assert run(program, tests.format(2**10)).passed
    refuse(program, "printed more than", tests=tests.format(2**10 + 1))


def test_a_program_that_fails_and_prints_says_why_it_fails():
    refuse("print('x')\ndef attack():\n    return False", "AssertionError")


def test_a_result_without_end():
    refuse("def attack():\n    return 'x' * 2**23", "a result is too long")


def test_a_flood_on_every_open_file():
    program = """
        import os
        for number in range(3, 32):
            try:
                while True:
                    os.write(number, b"x" * 2**16)
            except OSError:
                pass
    """
    refuse(program, "a result is too long")


# --- what is around it ---


def test_the_network(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0workbench-{os.getpid()}")
        local.listen()
        program = f"""
            import socket
            def attack():
                reached = []
                targets = [
                    (socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]})),
                    (socket.AF_UNIX, "\\0workbench-{os.getpid()}"),
                    (socket.AF_VSOCK, (2, 1024)),
                ]
                for family, address in targets:
                    try:
                        socket.socket(family).connect(address)
                        reached.append(address)
                    except PermissionError:
                        reached.append(None)
                return reached
        """
        assert run(program, "assert attack() == [None, None, None]").passed


def test_without_the_filter_there_is_still_no_network(monkeypatch):
    # Allow everything: the namespace must do by itself.
    monkeypatch.setattr(sandbox, "system_call_filter", lambda: b"\x06\x00\x00\x00\x00\x00\xff\x7f")
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = f"""
            import socket
            def attack():
                socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=1)
                return True
        """
        refuse(program, "ConnectionRefusedError")


def test_secrets_of_the_environment_and_of_files(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    (tmp_path / "secret").write_text("hunter2")
    program = f"""
        import os
        def attack():
            open_to_me = [path for path in ("/proc", "/etc/passwd", "/root", "/home", {str(tmp_path)!r}) if os.path.exists(path)]
            return sorted(os.environ), "hunter2" in str(os.environ), [p for p in open_to_me if os.access(p, os.R_OK)]
    """
    # Where this Python lies in a home folder, that folder's name is there, but nothing else of it.
    homes = [path for path in ("/root", "/home") if sys.base_prefix.startswith(f"{path}/")]
    tests = f"assert attack() == (['LC_CTYPE', 'PWD', 'PYTHONHASHSEED'], False, {homes})"
    assert run(program, tests).passed


def test_other_processes():
    with subprocess.Popen(["sleep", "60"], user=65534 if os.geteuid() == 0 else None) as other:
        program = f"""
            import ctypes, os
            def attack():
                met = []
                # 1 is the first process of its own namespace, which cannot be killed from inside.
                for number in {{*range(2, 3000), {other.pid}, {os.getpid()}}} - {{os.getpid()}}:
                    try:
                        os.kill(number, 9)
                        met.append(number)
                    except ProcessLookupError:
                        pass
                return met, ctypes.CDLL(None).ptrace(16, 1, 0, 0), os.getuid()
        """
        nobody = 65534 if os.geteuid() == 0 else os.getuid()
        try:
            found = run(program, f"assert attack() == ([], -1, {nobody}), attack()")
            assert found.passed, found.reason
            assert other.poll() is None
        finally:
            other.kill()


def test_killing_its_parent():
    program = """
        import contextlib, os
        # Root's sandbox does not even let it try.
        with contextlib.suppress(PermissionError):
            os.kill(os.getppid(), 9)
        os.kill(0, 9)
    """
    refuse(program, "SIGKILL")


def test_privileges():
    program = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        def attack():
            tried = [libc.unshare(0x10000000), libc.mount(b"x", b"/tmp", b"tmpfs", 0, None), libc.setuid(0)]
            return tried, os.getuid() == 0
    """
    assert run(program, "assert attack() == ([-1, -1, -1], False)").passed


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of system calls are those of x86-64")
def test_no_user_namespace_by_the_other_ways():
    # clone and clone3 make a second process together with the namespace.
    program = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        def attack():
            arguments = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17)
            return libc.syscall(56, 0x10000011, 0, 0, 0, 0), libc.syscall(435, arguments, 64)
    """
    assert run(program, "assert attack() == (-1, -1)").passed


def test_the_limits_cannot_be_raised():
    program = """
        import resource
        def attack():
            raised = []
            for name in ("CPU", "AS", "NPROC", "FSIZE", "NOFILE", "CORE"):
                number = getattr(resource, f"RLIMIT_{name}")
                hard = resource.getrlimit(number)[1]
                try:
                    resource.setrlimit(number, (hard + 1, hard + 1))
                    raised.append(name)
                except ValueError:
                    pass
            return raised
    """
    assert run(program, "assert attack() == []").passed


# --- passing without being right ---


@pytest.mark.parametrize(
    "end",
    ["import os\nos._exit(0)", "import sys\nsys.exit(0)", "raise SystemExit(0)", "import os\nos.abort()", "exit()"],
)
def test_ending_before_the_tests(end):
    assert not run(end).passed
    assert not run(f"def attack():\n    {end.replace(chr(10), chr(10) + '    ')}").passed


def test_patched_assertions_and_builtins():
    program = """
        import builtins, sys
        class Never(BaseException):
            def __new__(cls, *args): sys.exit(0)
        builtins.AssertionError = Never
        builtins.abs = builtins.all = builtins.any = builtins.sum = lambda *args: True
        sys.settrace(lambda *args: None)
        def attack(): return False
        def check(candidate): pass
    """
    tests = "def check(candidate):\n    assert candidate() is True and abs(-3) == 3\ncheck(attack)"
    refuse(program, "AssertionError", tests=tests)


def test_a_result_that_is_equal_to_everything():
    program = """
        class Yes(int):
            __eq__ = __lt__ = __gt__ = lambda self, other: True
            __hash__ = int.__hash__
        def attack(): return Yes(3)
    """
    refuse(program, "AssertionError", tests="assert attack() == 4")
    assert run(program, "assert attack() == 3 and type(attack()) is int").passed


def test_answers_instead_of_results():
    program = """
        import os
        for number in range(3, 32):
            try:
                os.write(number, b'{}\\n{"function": true}\\n' + b'{"value": true}\\n' * 1000)
            except OSError:
                pass
    """
    refuse(program, "AssertionError", tests="assert attack() == 4")


def test_an_own_module_is_not_imported_by_the_tests():
    program = """
        import sys, types
        open("/tmp/trap.py", "w").write("raise SystemExit")
        sys.path.insert(0, "/tmp")
        trap = types.ModuleType("trap")
    """
    refuse(program, "NameError: name 'trap' is not defined", tests="assert trap.x")


KNOWN = "5ec7e7" * 10 + "abcd"
LOOK = """
    import gc, os, sys
    def look():
        seen = [repr(sys.argv), repr(dict(os.environ))]
        frame = sys._getframe()
        while frame:
            seen += [repr(frame.f_locals), repr(frame.f_globals)]
            frame = frame.f_back
        seen += [repr(each) for each in gc.get_objects() if isinstance(each, (str, dict, list, tuple, bytes))]
        for number in range(32):
            try:
                os.set_blocking(number, False)
                os.lseek(number, 0, 0)
                seen.append(repr(os.read(number, 10**6)))
            except OSError:
                pass
        for folder, _, names in os.walk("/tmp"):
            seen += [open(os.path.join(folder, name)).read() for name in names]
        return seen
    kept = "something to be found"
    def attack(backwards):
        seen = look()
        return any(backwards[::-1] in each for each in seen)
"""


def test_the_secret_is_nowhere_in_reach(monkeypatch):
    monkeypatch.setattr(sandbox.secrets, "token_hex", lambda size: KNOWN)
    # Backwards, so that asking for it does not bring it there.
    assert run(LOOK, f"assert attack({'something to be found'[::-1]!r})").passed
    assert run(LOOK, f"assert not attack({KNOWN[::-1]!r})").passed


def test_a_guessed_secret():
    program = """
        import os
        for number in range(1, 32):
            try:
                os.write(number, b"0" * 64)
            except OSError:
                pass
    """
    assert not run(program).passed


def test_a_secret_in_the_wrong_hands_is_of_no_use(monkeypatch):
    monkeypatch.setattr(sandbox.secrets, "token_hex", lambda size: KNOWN)
    program = f"""
        import os
        for number in range(1, 32):
            try:
                os.write(number, b"{KNOWN}")
            except OSError:
                pass
        raise ValueError("{KNOWN}")
    """
    assert not run(program).passed


# --- the end of the workbench is the end of its sandboxes ---


def test_killed_with_the_workbench(marked: Callable[[], list[str]]):
    code = "from workbench.execution import execute, sandbox; sandbox._INSIDE = {inside!r}; execute({program!r}, 'f()')"
    program = "import time\ntime.sleep(100)"
    with subprocess.Popen([sys.executable, "-c", code.format(inside=sandbox._INSIDE, program=program)]) as workbench:
        deadline = time.monotonic() + 60
        # The workbench itself bears the mark too.
        while len(marked()) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(marked()) >= 5
        workbench.send_signal(signal.SIGKILL)
