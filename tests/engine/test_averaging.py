"""The mean of parameters along their way."""

from __future__ import annotations

import pytest
import torch

from sdpt_engine.averaging import RunningMean


@pytest.fixture
def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(1))


def _walked(parameter: torch.nn.Parameter, decay: float) -> RunningMean:
    mean = RunningMean([parameter], decay)
    for value in (1.0, 2.0, 6.0):
        parameter.data.fill_(value)
        mean.update()
    return mean


@pytest.mark.parametrize(
    ("decay", "expected"), [(0.0, 6.0), (1.0, 3.0), (0.5, (0.25 * 1 + 0.5 * 2 + 6) / 1.75)]
)
def test_each_step_weighs_less_than_the_next(
    parameter: torch.nn.Parameter, decay: float, expected: float
) -> None:
    mean = _walked(parameter, decay)
    with mean.in_place():
        assert float(parameter.detach()) == pytest.approx(expected)
    assert float(parameter.detach()) == 6.0  # where training goes on from


def test_before_the_first_step_it_is_the_start(parameter: torch.nn.Parameter) -> None:
    mean = RunningMean([parameter], 0.9)
    parameter.data.fill_(5.0)
    mean.restart()
    with mean.in_place():
        assert float(parameter.detach()) == 5.0


def test_it_goes_on_from_a_checkpoint_as_if_nothing_had_happened(
    parameter: torch.nn.Parameter,
) -> None:
    whole = _walked(parameter, 0.7)
    again = RunningMean([parameter], 0.7)
    again.load_state(**whole.state)
    parameter.data.fill_(9.0)
    for mean in (whole, again):
        mean.update()
    assert torch.equal(whole.state["means"][0], again.state["means"][0])
