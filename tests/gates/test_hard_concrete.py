"""The hard-concrete distribution against its closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.gates.hard_concrete import HIGH, LOW, START, TEMPERATURE, open_probability, sampled, settled

DRAWS = 200_000
LOCATIONS = [-2.0, -0.5, 0.0, 1.0, 2.5]


def drawn(location: float) -> torch.Tensor:
    uniform = torch.rand(DRAWS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return sampled(torch.full((DRAWS,), location, dtype=torch.float64), uniform)


def near(share: float, expected: float) -> bool:
    """Within four standard errors of a share."""
    return abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / DRAWS)


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_penalty_is_the_share_of_gates_drawn_that_are_not_zero(location):
    gates = drawn(location)
    expected = float(open_probability(torch.tensor(location, dtype=torch.float64)))
    assert near(float((gates != 0).double().mean()), expected)
    assert expected == pytest.approx(1 / (1 + math.exp(-(location + 2 / 3 * math.log(11)))))


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_share_of_gates_drawn_that_are_one(location):
    # Squashed beyond (1 - LOW) / (HIGH - LOW) = 11/12, whose log odds are log 11.
    expected = 1 / (1 + math.exp(TEMPERATURE * math.log(11) - location))
    assert near(float((drawn(location) == 1).double().mean()), expected)


def test_gates_drawn_lie_between_zero_and_one_whatever_the_draw():
    gates = sampled(torch.tensor([9.0, -9.0, 0.0, 0.0]), torch.tensor([0.5, 0.5, 0.0, 1.0]))
    assert gates.tolist() == [1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_gradient_of_the_penalty(location):
    where = torch.tensor(location, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        likely = open_probability(where)
        (gradient,) = torch.autograd.grad(likely, where)
    assert float(gradient) == pytest.approx(float((likely * (1 - likely)).detach()))


def test_the_gradient_of_a_gate_drawn():
    uniform = torch.tensor([0.4, 0.6, 1e-5, 1 - 1e-5], dtype=torch.float64)
    where = torch.full((4,), 0.3, dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(sampled(where, uniform).sum(), where)
    squashed = torch.sigmoid((torch.logit(uniform) + 0.3) / TEMPERATURE)
    expected = (HIGH - LOW) * squashed * (1 - squashed) / TEMPERATURE
    # The last two are cut off at 0 and at 1.
    assert gradient.tolist() == pytest.approx([*expected[:2].tolist(), 0.0, 0.0])


def test_gates_begin_at_one_and_can_be_shut_for_good():
    ends = settled(torch.tensor([START, 2.398, -2.398, -START], dtype=torch.float64))
    assert ends[0] == 1
    assert ends[-1] == 0
    assert ends[1] == pytest.approx(1, abs=1e-4)
    assert ends[2] == pytest.approx(0, abs=1e-4)
    assert settled(torch.tensor(0.0)) == pytest.approx(0.5)
