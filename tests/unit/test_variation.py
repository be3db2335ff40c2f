"""Answers that may depend on their batch are said to, in the run's events."""

from __future__ import annotations

from dataclasses import replace

from sqltune.backends.base import BaseModel
from sqltune.backends.scripted.backend import ScriptedBackend
from tests.unit.office import Office

EVENTS = "SELECT message FROM run_events WHERE event = 'answers_may_vary'"


class RoundingBackend(ScriptedBackend):
    """The scripted backend, which says that its answers vary."""

    def explain_variation(self, base_model: BaseModel, quantization: str) -> str | None:
        return "it rounds"


def test_a_run_says_once_why_its_answers_may_depend_on_the_prompts_beside_them(
    office: Office,
) -> None:
    settings = office.runtime.settings
    backend = RoundingBackend(settings.script, settings.artifacts)
    office.runtime = replace(office.runtime, backend=lambda name: backend)
    office.sync()
    assert office.rows(EVENTS) == [("it rounds",)]


def test_a_backend_whose_answers_do_not_vary_gives_no_reason(office: Office) -> None:
    office.sync()
    assert office.rows(EVENTS) == []
