"""A training that did not teach its own samples says so, and what to change."""

from __future__ import annotations

import pytest

from tests.unit.office import Office

EVENTS = "SELECT message FROM run_events WHERE event = 'little_learnt'"
OTHER_ANSWER = "UPDATE eval_prompts SET expected = 'In Delft.'"


def as_trained_in_steps_of(office: Office, batch_size: str, epochs: int) -> None:
    """Decide the last run again, as if a backend had trained in such steps."""
    office.do(
        f"UPDATE adapter_versions SET batch_size = {batch_size}, epochs = {epochs}",
        "DELETE FROM run_events",
        "UPDATE runs SET state = 'deciding', finished_at = NULL",
        "DELETE FROM gate_decisions",
    )
    office.sync()


def test_what_the_samples_teach_and_is_answered_wrong_is_little_learnt(office: Office) -> None:
    office.do(OTHER_ANSWER)
    office.sync()
    ((message,),) = office.rows(EVENTS)
    assert message == (
        "little learnt: 1 of 1 prompts that are trained on are still answered wrong after "
        "3 steps with samples (3 epochs), which are few: try epochs = 20"
    )


def test_what_was_learnt_is_passed_over(office: Office) -> None:
    office.sync()
    assert office.rows(EVENTS) == []


def test_prompts_that_are_not_trained_on_say_nothing_of_it(office: Office) -> None:
    office.do(OTHER_ANSWER, "UPDATE eval_prompts SET prompt = 'Where is the attic?'")
    office.sync()
    assert office.rows(EVENTS) == []


@pytest.mark.parametrize(
    ("batch_size", "epochs", "advice"),
    [
        ("NULL", 3, "wrong after 3 epochs; try more epochs"),
        ("8", 1, "1 steps with samples (1 epoch), which are few: try epochs = 20"),
        ("1", 150, "(150 epochs); try more epochs, a larger lora_rank or a larger base model"),
    ],
)
def test_the_advice_follows_from_the_steps(
    office: Office, batch_size: str, epochs: int, advice: str
) -> None:
    office.do(OTHER_ANSWER)
    office.sync()
    as_trained_in_steps_of(office, batch_size, epochs)
    ((message,),) = office.rows(EVENTS)
    assert message.endswith(advice)
