"""The optimizer over one vector is torch's AdamW, and the schedules are transformers'."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from sqltune.local_lora.optimiser import AdamW, Schedule, learning_rate_at


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_twenty_steps_are_those_of_torchs_adamw(weight_decay: float) -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(50, generator=generator)
    parameter = torch.nn.Parameter(values.clone())
    theirs = torch.optim.AdamW([parameter], lr=1e-2, weight_decay=weight_decay)
    ours = AdamW(values, weight_decay)
    for _ in range(20):
        gradient = torch.randn(50, generator=generator)
        parameter.grad = gradient.clone()
        theirs.step()
        ours.step(gradient, 1e-2)
    torch.testing.assert_close(values, parameter.detach(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (Schedule.LINEAR, get_linear_schedule_with_warmup),
        (Schedule.COSINE, get_cosine_schedule_with_warmup),
    ],
)
def test_without_warmup_the_rates_are_those_of_transformers(
    schedule: Schedule, theirs: Callable[..., LRScheduler]
) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3.0)
    scheduler = theirs(optimizer, 0, 10)
    for step in range(10):
        rate = learning_rate_at(step, total_steps=10, peak=3.0, warmup_share=0.0, schedule=schedule)
        assert rate == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


def test_warmup_rises_from_above_zero_to_the_peak_and_then_falls() -> None:
    rates = [
        learning_rate_at(s, total_steps=20, peak=1.0, warmup_share=0.2, schedule=Schedule.LINEAR)
        for s in range(20)
    ]
    assert rates[0] > 0
    assert rates[:5] == sorted(rates[:5])
    assert rates[4] == 1.0
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] > 0
