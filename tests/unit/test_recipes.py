"""The lines below a plan's table, and the time that is left of an activity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sqltune.backends.recipes import Recipe
from sqltune.cli.recipes import describe_gate, describe_recipe
from sqltune.cli.remaining import RemainingTime, describe_seconds
from sqltune.operations.forecast import Forecast
from sqltune.records import SyncDecision

RECIPE = Recipe(
    samples=18,
    steps=108,
    rehearsal_steps=54,
    batch_size=1,
    learning_rate=1.3e-3,
    warmup_share=0.1,
    lora_rank=16,
    lora_alpha=32,
    rehearsal_pairs=96,
    rehearsal_tokens=36_700,
    reasons=("the rate follows from a hidden size of 576 (llama)", "few samples"),
    seconds=50.4,
    is_measured=True,
)
FORECAST = Forecast(
    adapter_name="office",
    decision=SyncDecision.TRAIN,
    reason="never trained",
    samples=18,
    validation=None,
    prompts=1,
    held_out=None,
    tokens_per_epoch=1_412,
    token_count="exact",
    epochs=3,
    base_model="toy",
    base_model_revision=None,
    base_model_found_in=None,
    recipe=RECIPE,
)


def test_a_recipe_is_three_lines_with_reasons_time_and_what_the_tokens_are() -> None:
    assert list(describe_recipe(FORECAST)) == [
        "office: 18 samples: 108 steps of 1 (54 of rehearsal alone), lr 1.3e-3, "
        "96 rehearsal pairs, about 50 s here",
        "  because the rate follows from a hidden size of 576 (llama); few samples",
        "  tokens: 3 epochs of 1,412 (exact), and about 36,700 of rehearsal",
    ]


def test_a_recipe_says_what_was_not_measured_and_leaves_out_what_is_not_rehearsed() -> None:
    plain = replace(
        RECIPE, steps=1, rehearsal_steps=0, rehearsal_pairs=0, reasons=(), is_measured=False
    )
    lines = list(describe_recipe(replace(FORECAST, recipe=plain, epochs=1)))
    assert lines == [
        "office: 18 samples: 1 step of 1, lr 1.3e-3, about 50 s, not measured here yet",
        "  as its row says",
        "  tokens: 1 epoch of 1,412 (exact)",
    ]
    unknown = replace(FORECAST, recipe=replace(plain, seconds=None))
    assert "was not measured here yet" in next(iter(describe_recipe(unknown)))
    assert list(describe_recipe(replace(FORECAST, recipe=None))) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 1 s"), (49.6, "about 50 s"), (170, "about 3 min"), (5_400, "about 1.5 h")],
)
def test_a_duration_is_as_precise_as_an_estimate(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


def test_the_time_left_follows_from_what_was_done_since_the_activity_began() -> None:
    now = [100.0]
    remaining = RemainingTime(lambda: now[0])
    # A run that died had done 30 before.
    assert remaining.estimate("training", 30, 50) == ""
    now[0] += 1
    assert remaining.estimate("training", 31, 50) == "", "too early to say"
    now[0] += 9
    assert remaining.estimate("training", 40, 50) == "about 10 s left"
    assert remaining.estimate("training", 50, 50) == ""
    assert remaining.estimate("answering", 1, 9) == "", "another activity begins again"
    assert remaining.estimate("selecting", 1, None) == ""


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (22, "22 prompts; a mean change below 0.14 may be chance"),
        (1_000, "1,000 prompts; a mean change below 0.02 may be chance"),
        (4, "4 prompts; with fewer than 5 any change may be chance"),
        (1, "1 prompt; with fewer than 5 any change may be chance"),
        (0, "no prompt, so nothing will be compared"),
    ],
)
def test_a_plan_says_what_its_prompts_can_show(prompts: int, words: str) -> None:
    assert list(describe_gate(replace(FORECAST, prompts=prompts))) == [f"office: gate: {words}"]


def test_a_plan_that_judges_nothing_says_nothing_of_a_gate() -> None:
    unread = replace(FORECAST, prompts=None)
    waits = replace(FORECAST, decision=SyncDecision.UP_TO_DATE)
    assert [*describe_gate(unread), *describe_gate(waits)] == []
