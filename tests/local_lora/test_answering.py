"""Answers depend on prompt, adapter and sampling settings, and on nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config

from sqltune.local_lora import answering, token_loop
from sqltune.local_lora.answering import tokenise_asked
from sqltune.local_lora.asked_questions import FinishReason, Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.prompt_format import RAW
from sqltune.local_lora.sampling import Sampling, TokenChooser
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import tokenise_prompt
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_models import load_tiny_model

QUESTIONS = [
    Question("Who is Pavan and what does he do all day long?"),
    Question("Who?"),
    Question("Name a colour.", system_prompt="Be short."),
    Question("Where does he live?"),
    Question("What does he write about databases and large language models?"),
]
GREEDY = Sampling(max_new_tokens=12)
DRAWN = Sampling(max_new_tokens=12, temperature=0.9, top_p=0.9, seed=3)


def texts(base: LoadedModel, questions: list[Question], **options: Any) -> list[str | None]:
    answers = sorted(base.answer(questions, **options), key=lambda answer: answer.index)
    assert [answer.index for answer in answers] == list(range(len(questions)))
    return [answer.text for answer in answers]


def generated(base: LoadedModel, question: Question) -> list[int]:
    """Return what transformers' own generate returns for one prompt alone."""
    ids = tokenise_prompt(question.prompt, base.tokenizer, system_prompt=question.system_prompt)
    out = base.network.generate(
        torch.tensor([ids]), do_sample=False, max_new_tokens=12, eos_token_id=0, pad_token_id=0
    )
    return [token for token in out[0, len(ids) :].tolist() if token != 0]


@pytest.fixture
def tuned(llama: LoadedModel) -> LoadedModel:
    trainer = LoraTrainer(llama, LoraOptions(rank=16, learning_rate=3e-2), 40, name="live")
    for _ in range(40):
        trainer.step([Pair("Who?", "A writer.")])
    return llama


def test_greedy_answers_are_those_of_transformers_generate(llama: LoadedModel) -> None:
    expected = [
        llama.tokenizer.decode(generated(llama, q), skip_special_tokens=True).strip()
        for q in QUESTIONS
    ]
    assert texts(llama, QUESTIONS, sampling=GREEDY) == expected
    assert len(set(expected)) > 1


@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_an_answer_does_not_depend_on_the_questions_beside_it(
    llama: LoadedModel, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = texts(llama, QUESTIONS, sampling=sampling)
    alone = [texts(llama, [q], sampling=sampling)[0] for q in QUESTIONS]
    monkeypatch.setattr(answering, "ROWS_AT_ONCE", 2)
    in_pairs = texts(llama, QUESTIONS[::-1], sampling=sampling)[::-1]
    assert together == alone == in_pairs


def test_drawn_answers_repeat_with_the_seed_and_change_without_it(llama: LoadedModel) -> None:
    again = Sampling(max_new_tokens=12, temperature=0.9, top_p=0.9, seed=4)
    first = texts(llama, QUESTIONS, sampling=DRAWN)
    assert first == texts(llama, QUESTIONS, sampling=DRAWN)
    assert first != texts(llama, QUESTIONS, sampling=again)


def test_base_and_after_come_from_one_network_by_switching(tuned: LoadedModel) -> None:
    base = texts(tuned, QUESTIONS, sampling=GREEDY)
    after = texts(tuned, QUESTIONS, sampling=GREEDY, adapter="live")
    assert base != after
    assert texts(tuned, QUESTIONS, sampling=GREEDY) == base
    tuned.unload_adapter("live")
    assert texts(tuned, QUESTIONS, sampling=GREEDY) == base


def test_an_answer_says_how_it_ended_and_how_long_it_is(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = generated(llama, QUESTIONS[0])[0]
    cut = next(iter(llama.answer(QUESTIONS[:1], sampling=GREEDY)))
    assert (cut.finish_reason, cut.output_tokens) == (FinishReason.LENGTH, 12)
    monkeypatch.setattr(llama.network.generation_config, "eos_token_id", [first, 0])
    ended = next(iter(llama.answer(QUESTIONS[:1], sampling=GREEDY)))
    assert (ended.finish_reason, ended.output_tokens, ended.text) == (FinishReason.STOP, 0, "")
    assert ended.prompt_tokens == cut.prompt_tokens > 0
    assert ended.latency_seconds > 0


def test_a_prompt_without_room_for_an_answer_says_so(llama: LoadedModel) -> None:
    answers = {a.index: a for a in llama.answer([Question("word " * 300), QUESTIONS[1]])}
    assert answers[0].finish_reason is FinishReason.PROMPT_TOO_LONG
    assert answers[0].text is None
    assert answers[1].text is not None


def test_an_answer_ends_where_the_model_can_read_no_more(llama: LoadedModel) -> None:
    answer = next(iter(llama.answer([Question("wo" * 60)], sampling=Sampling(max_new_tokens=500))))
    assert answer.prompt_tokens + answer.output_tokens <= llama.max_length


def test_absolute_positions_answer_like_generate_too(tokenizer: Any, tmp_path: Path) -> None:
    config = GPT2Config(
        vocab_size=320, n_embd=48, n_layer=2, n_head=4, n_positions=256, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    base = load_tiny_model(config, tokenizer, tmp_path / "gpt2")
    expected = [
        base.tokenizer.decode(generated(base, q), skip_special_tokens=True).strip()
        for q in QUESTIONS
    ]
    assert texts(base, QUESTIONS, sampling=GREEDY) == expected


def test_answers_are_yielded_as_they_end_and_the_next_batch_begins_only_then(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    begin = token_loop._pad_left

    def count(rows: list[Any], device: torch.device) -> Any:
        batches.append(len(rows))
        return begin(rows, device)

    monkeypatch.setattr(answering, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(token_loop, "_pad_left", count)
    answers = llama.answer(QUESTIONS, sampling=GREEDY)
    assert next(answers).text
    assert next(answers).text
    assert batches == [2]
    assert len(list(answers)) == 3
    assert batches == [2, 2, 1]


def test_progress_counts_answers_by_their_share_up_to_all(llama: LoadedModel) -> None:
    shown: list[float] = []
    list(llama.answer(QUESTIONS, sampling=GREEDY, on_progress=shown.append))
    assert shown == sorted(shown)
    assert 0 < shown[0] < 1
    assert shown[-1] == len(QUESTIONS)


def test_what_progress_raises_ends_the_asking_and_leaves_the_model_usable(
    tuned: LoadedModel,
) -> None:
    expected = texts(tuned, QUESTIONS, sampling=GREEDY)

    def stop(done: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(tuned.answer(QUESTIONS, adapter="live", sampling=GREEDY, on_progress=stop))
    assert texts(tuned, QUESTIONS, sampling=GREEDY) == expected


def test_the_matrix_of_the_vocabulary_is_not_copied_for_each_prompt(llama: LoadedModel) -> None:
    """A view of the last hidden states makes torch copy that matrix once a row."""
    taken: list[torch.Tensor] = []
    head = llama.network.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda module, inputs: taken.append(inputs[0]))
    list(llama.answer(QUESTIONS, sampling=GREEDY))
    hook.remove()
    assert {hidden.shape[1] for hidden in taken} == {1}
    assert all(hidden.is_contiguous() for hidden in taken)


def test_drawing_follows_the_probabilities() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]])).repeat(3000, 1)
    places = [((row,), 0) for row in range(3000)]
    counts = TokenChooser(Sampling(temperature=1.0)).choose(logits, places).bincount()
    torch.testing.assert_close(counts / 3000, torch.tensor([0.5, 0.3, 0.2]), atol=0.03, rtol=0)
    nucleus = TokenChooser(Sampling(temperature=1.0, top_p=0.6)).choose(logits, places)
    assert set(nucleus.tolist()) == {0, 1}
    assert set(TokenChooser(Sampling(temperature=0.01)).choose(logits, places).tolist()) == {0}
    best_two = TokenChooser(Sampling(temperature=1.0, top_k=2)).choose(logits, places).bincount()
    torch.testing.assert_close(best_two / 3000, torch.tensor([0.625, 0.375]), atol=0.03, rtol=0)
    assert set(
        TokenChooser(Sampling(temperature=1.0, top_k=1)).choose(logits, places).tolist()
    ) == {0}


def test_a_question_with_a_draw_of_its_own_gets_another_answer(llama: LoadedModel) -> None:
    questions = [Question("Who is Pavan?", draw=draw) for draw in (1, 1, 2, 3, 4)]
    first, again, *others = texts(llama, questions, sampling=DRAWN)
    assert first == again
    assert set(others) != {first}


def test_an_answer_that_continues_a_text_has_the_spaces_around_it(llama: LoadedModel) -> None:
    asked = [Question(f"{prompt} ", prompt_format=RAW) for prompt in ("a", "He is", "Who", "b")]
    with_spaces = texts(llama, [replace(q, keeps_spaces=True) for q in asked], sampling=DRAWN)
    without = texts(llama, asked, sampling=DRAWN)
    assert [text and text.strip() for text in with_spaces] == without
    assert with_spaces != without
    assert tokenise_asked(asked[0], llama.tokenizer, RAW) != tokenise_asked(
        Question("a"), llama.tokenizer, RAW
    )


def test_a_question_may_be_answered_longer_than_the_sampling_says(llama: LoadedModel) -> None:
    questions = [replace(QUESTIONS[0], max_new_tokens=most) for most in (3, 20, None)]
    answers = sorted(llama.answer(questions, sampling=GREEDY), key=lambda answer: answer.index)
    assert [answer.output_tokens for answer in answers] == [3, 20, 12]


def test_a_raw_prompt_is_read_as_it_is(llama: LoadedModel) -> None:
    formed = Question("### Instruction: Who? \n\n### Response:", prompt_format=RAW)
    plain, raw = texts(llama, [Question("Who?"), formed], sampling=GREEDY)
    assert plain == raw


@pytest.mark.parametrize(
    "wrong", [{"max_new_tokens": 0}, {"temperature": -1.0}, {"top_p": -0.1}, {"top_k": -1}]
)
def test_settings_without_a_meaning_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-38, 1e-9])
def test_a_temperature_near_zero_is_greedy(temperature: float) -> None:
    logits = torch.tensor([[0.0, 3.0, 2.999], [5.0, -torch.inf, 1.0]])
    chosen = TokenChooser(Sampling(temperature=temperature)).choose(logits, [((1,), 0), ((2,), 0)])
    assert chosen.tolist() == [1, 0]


@pytest.mark.parametrize(
    "extreme",
    [
        {"top_p": 0.0},
        {"top_p": 5e-324},
        {"top_p": 1e-300, "temperature": 1e300},
        {"top_k": 1},
        {"top_k": 10**30, "top_p": 1e-12},
    ],
)
def test_extreme_settings_take_the_likeliest_token(extreme: dict[str, Any]) -> None:
    logits = torch.tensor([[0.0, 3.0, 2.0]])
    sampling = Sampling(**{"temperature": 1.0, **extreme})
    drawn = {int(TokenChooser(sampling).choose(logits, [((i,), 0)])) for i in range(20)}
    assert drawn == {1}


@pytest.mark.parametrize("temperature", [1e10, 1e308, float("inf")])
def test_a_high_temperature_draws_any_token(temperature: float) -> None:
    logits = torch.tensor([[0.0, 30.0, -30.0]])
    chooser = TokenChooser(Sampling(temperature=temperature))
    assert {int(chooser.choose(logits, [((i,), 0)])) for i in range(50)} == {0, 1, 2}


def test_an_answer_is_read_as_it_was_written_and_nothing_is_said_about_it(
    llama: LoadedModel, caplog: pytest.LogCaptureFixture
) -> None:
    plain = texts(llama, QUESTIONS, sampling=GREEDY)
    # As in the tokenizer of Llama 3, and in what transformers 5.17 made of a GGUF file.
    llama.tokenizer.clean_up_tokenization_spaces = True
    logger = logging.getLogger("transformers")
    logger.addHandler(caplog.handler)
    try:
        assert texts(llama, QUESTIONS, sampling=GREEDY) == plain
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.text == ""
