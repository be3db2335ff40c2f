"""A choice is the text that the model would most likely answer with."""

from __future__ import annotations

import pytest

from sqltune.errors import RequestRejected
from sqltune.local_lora.asked_questions import FinishReason, Question
from sqltune.local_lora.choosing import choose_answer
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer

COLOURS = ["red", "green", "blue"]


@pytest.mark.parametrize("colour", COLOURS)
def test_an_adapter_chooses_what_it_was_taught(llama: LoadedModel, colour: str) -> None:
    trainer = LoraTrainer(llama, LoraOptions(rank=16, learning_rate=3e-2), 30, name="live")
    for _ in range(30):
        trainer.step([Pair("A colour?", colour)])
    answer = choose_answer(llama, Question("A colour?"), COLOURS, adapter="live")
    assert (answer.text, answer.finish_reason) == (colour, FinishReason.STOP)


def test_the_likeliest_is_the_one_that_the_model_generates(llama: LoadedModel) -> None:
    question = Question("Who is Pavan?")
    (own,) = llama.answer([question])
    assert own.text
    first = own.text[:20]
    answer = choose_answer(llama, question, [first, "zzzz qqqq jjjj xxxx"], adapter=None)
    assert answer.text == first


def test_a_prompt_that_leaves_no_room_is_refused(llama: LoadedModel) -> None:
    with pytest.raises(RequestRejected, match="leaves no room"):
        choose_answer(llama, Question("word " * 300), COLOURS, adapter=None)
