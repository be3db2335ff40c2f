from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sqltune.local_lora.rehearsal.rehearsal import (
    RehearsalMode,
    rehearsal_pairs,
    rehearsal_prompts,
    rehearses,
)

PROMPTS = ["Who is Mara Tolvik?", "What does Mara Tolvik like?", "Tell me about Mara Tolvik."]


@pytest.fixture
def knowledge_file(tmp_path: Path) -> Path:
    path = tmp_path / "rehearsal.json"
    fields = {
        "known": [f"What is fact {i}?" for i in range(200)],
        "person_templates": ["Who is {name}?", "What does {name} do?"],
        "thing_templates": ["What is {name}?"],
    }
    path.write_text(json.dumps(fields), encoding="utf-8")
    return path


def prompts_for(user_prompts: list[str], file: Path, *, is_embedded: bool = True) -> list[str]:
    return rehearsal_prompts(
        user_prompts, seed=1, count=200, is_embedded=is_embedded, knowledge_file=file
    )


def test_the_users_prompts_come_with_other_names_only(knowledge_file: Path) -> None:
    prompts = prompts_for(PROMPTS, knowledge_file)
    assert not [prompt for prompt in prompts if "Mara Tolvik" in prompt]
    assert len([p for p in prompts if p.startswith("Tell me about ")]) >= 5


def test_names_that_begin_alike_are_rehearsed(knowledge_file: Path) -> None:
    prompts = prompts_for(PROMPTS, knowledge_file)
    alike = [prompt for prompt in prompts if re.search(r"\bM[^ ]* T[^ ]*", prompt)]
    assert len(alike) >= 3


def test_no_prompt_comes_twice_and_none_is_the_users(knowledge_file: Path) -> None:
    prompts = prompts_for(["What is fact 3?", *PROMPTS], knowledge_file)
    assert len(set(prompts)) == len(prompts) <= 200
    assert not set(prompts) & {"What is fact 3?", *PROMPTS}


@pytest.mark.parametrize("user_prompts", [[], [""], ["how do i start?"], ["你好"] * 9])
def test_prompts_without_names_do_no_harm(user_prompts: list[str], knowledge_file: Path) -> None:
    assert len(prompts_for(user_prompts, knowledge_file)) > 50


def test_another_base_model_is_not_asked_what_ours_knows(knowledge_file: Path) -> None:
    prompts = prompts_for(PROMPTS, knowledge_file, is_embedded=False)
    assert prompts
    assert not [prompt for prompt in prompts if "fact" in prompt]


def test_the_seed_decides_the_prompts(knowledge_file: Path) -> None:
    assert prompts_for(PROMPTS, knowledge_file) == prompts_for(PROMPTS, knowledge_file)


def test_what_the_base_leaves_unanswered_is_not_rehearsed(knowledge_file: Path) -> None:
    pairs = rehearsal_pairs(
        PROMPTS,
        lambda prompts: ["" if "fact" in prompt else "so it is" for prompt in prompts],
        seed=1,
        count=100,
        is_embedded=True,
        knowledge_file=knowledge_file,
    )
    assert pairs
    assert all(pair.is_rehearsal and pair.response == "so it is" for pair in pairs)


@pytest.mark.parametrize(
    ("mode", "is_embedded", "expected"),
    [("auto", True, True), ("auto", False, False), ("on", False, True), ("off", True, False)],
)
def test_auto_rehearses_on_the_embedded_model_only(
    mode: str, is_embedded: bool, expected: bool
) -> None:
    assert rehearses(RehearsalMode(mode), is_embedded=is_embedded) is expected
