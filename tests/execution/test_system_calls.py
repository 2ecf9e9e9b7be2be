"""The filter, run by a few lines that do what the kernel does with it."""

from __future__ import annotations

import struct

import pytest

from workbench.errors import UserError
from workbench.execution.system_calls import REFUSED, system_call_filter

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001


def decided(program: bytes, architecture: int, number: int) -> int:
    """What a classic BPF program says of a system call; only the instructions that the filter has."""
    steps = list(struct.iter_unpack("=HBBI", program))
    data = {0: number, 4: architecture}
    place = value = 0
    while True:
        code, yes, no, operand = steps[place]
        place += 1
        match code:
            case 0x20:
                value = data[operand]
            case 0x15:
                place += yes if value == operand else no
            case 0x35:
                place += yes if value >= operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


@pytest.mark.parametrize("machine", REFUSED)
def test_what_is_listed_is_refused_and_the_rest_allowed(machine: str) -> None:
    architecture, numbers = REFUSED[machine]
    program = system_call_filter(machine)
    for number in range(600):
        assert decided(program, architecture, number) == (REFUSE if number in numbers else ALLOW)


@pytest.mark.parametrize("machine", REFUSED)
def test_the_ways_round_it_end_the_process(machine: str) -> None:
    architecture, _ = REFUSED[machine]
    program = system_call_filter(machine)
    assert decided(program, architecture ^ 0x80000000, 0) == KILL
    assert decided(program, 0x40000003, 102) == KILL, "32-bit calls of x86 have numbers of their own"
    assert decided(program, architecture, 0x40000000 + 41) == KILL


def test_a_machine_whose_numbers_are_not_known() -> None:
    with pytest.raises(UserError, match="Code is executed only on x86_64 and aarch64; this machine is 'riscv64'"):
        system_call_filter("riscv64")
