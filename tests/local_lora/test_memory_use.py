"""A step that does not fit is computed in smaller parts, with the same gradient, or is refused.

The limit is at torch's own places: a hook of the network that refuses too many rows, and a hook of
autograd that counts the bytes that are stored for the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import CheckpointError
from transformers import GPT2Config, PreTrainedConfig, Qwen3Config

from sqltune.errors import OutOfMemory
from sqltune.local_lora.gradients import memory_use, padded_gradients
from sqltune.local_lora.gradients.memory_use import MemoryUse, Part, use_less
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.test_packed_training import SMALL, trainer_with_grown_matrices
from tests.local_lora.tiny_models import load_tiny_model

LONG = Pair("Tell me all about the town by the sea.", "It has a harbour and a lighthouse. " * 3)


@pytest.fixture
def padded(llama: LoadedModel) -> LoraTrainer:
    trainer = trainer_with_grown_matrices(llama)
    trainer.gradients.pad()
    return trainer


@contextmanager
def most_tokens_at_once(network: Any, limit: int) -> Iterator[list[int]]:
    """Refuse larger inputs of the network as a GPU does; yield the sizes that were accepted."""
    accepted: list[int] = []

    def refuse(_: Any, __: Any, arguments: dict[str, Any]) -> None:
        size = arguments["input_ids"].numel()
        if size > limit:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")
        accepted.append(size)

    hook = network.register_forward_pre_hook(refuse, with_kwargs=True)
    yield accepted
    hook.remove()


@contextmanager
def most_stored_bytes(network: Any, limit: float) -> Iterator[Callable[[], int]]:
    """Refuse to store more for a backward pass; yield what the largest pass has stored so far."""
    stored = largest = 0

    def begin(*_: Any) -> None:
        nonlocal stored
        stored = 0

    def store(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal stored, largest
        stored += tensor.numel() * tensor.element_size()
        if stored > limit:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        largest = max(largest, stored)
        return tensor

    hook = network.register_forward_pre_hook(begin)
    with torch.autograd.graph.saved_tensors_hooks(store, lambda tensor: tensor):
        yield lambda: largest
    hook.remove()


def compute(trainer: LoraTrainer, pairs: list[Pair]) -> tuple[float, torch.Tensor]:
    """Return loss and gradient of a step."""
    samples = [trainer.tokenise(pair) for pair in pairs]
    loss = trainer.gradients.compute(samples, 0)
    return loss.weighted, trainer.adapter.gradient.clone()


def assert_same_step(one: tuple[float, torch.Tensor], two: tuple[float, torch.Tensor]) -> None:
    assert one[0] == pytest.approx(two[0], rel=1e-6)
    torch.testing.assert_close(one[1], two[1], rtol=1e-4, atol=1e-6)


def test_a_batch_that_does_not_fit_is_halved_with_the_gradient_of_the_whole(
    padded: LoraTrainer, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_use, "LEAST_TOKENS", 0)
    many = [*pairs * 2, LONG]
    whole = compute(padded, many)
    assert padded.gradients.memory == MemoryUse(2048)
    longest = len(padded.tokenise(LONG).token_ids)
    with most_tokens_at_once(padded.base.network, 2 * longest) as accepted:
        halved = compute(padded, many)
        assert_same_step(halved, whole)
        assert len(accepted) > 1
        assert longest <= padded.gradients.memory.tokens_at_once <= 2 * longest
        assert not padded.gradients.memory.recomputes
        accepted.clear()
        tried = padded.gradients.take_notes()
        assert torch.equal(compute(padded, many)[1], halved[1])
    assert tried
    assert "did not fit into memory; from here on at most" in tried[-1]
    # What fits is remembered: the second step tried nothing that does not.
    assert padded.gradients.take_notes() == []


def test_samples_for_validation_that_do_not_fit_together_are_measured_in_parts(
    padded: LoraTrainer, pairs: list[Pair]
) -> None:
    many = [*pairs * 2, LONG]
    whole = padded.measure(many, check=lambda: None)
    longest = len(padded.tokenise(LONG).token_ids)
    with most_tokens_at_once(padded.base.network, longest) as accepted:
        assert padded.measure(many, check=lambda: None) == pytest.approx(whole, rel=1e-6)
    assert len(accepted) > 1
    # The steps continue in their own parts, which may need less memory, or more.
    assert padded.gradients.memory == MemoryUse(2048)
    with (
        most_tokens_at_once(padded.base.network, longest - 1),
        pytest.raises(OutOfMemory),
    ):
        padded.measure([LONG], check=lambda: None)


def test_layers_are_computed_twice_where_halves_would_be_small(
    padded: LoraTrainer, pairs: list[Pair]
) -> None:
    with most_stored_bytes(padded.base.network, float("inf")) as largest:
        whole = compute(padded, [*pairs, LONG])
    with most_stored_bytes(padded.base.network, largest() / 2) as largest:
        assert_same_step(compute(padded, [*pairs, LONG]), whole)
    assert largest() > 0
    assert padded.gradients.memory == MemoryUse(2048, recomputes=True)
    (note,) = padded.gradients.take_notes()
    assert note.startswith("5 samples of")
    assert note.endswith("each layer computed twice instead of stored")


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(
            vocab_size=320, n_embd=48, n_layer=2, n_head=4, n_positions=256, bos_token_id=0,
            eos_token_id=0, resid_pdrop=0.5,
        ),
        Qwen3Config(vocab_size=320, head_dim=12, **SMALL),
    ],
    ids=["gpt2", "qwen3"],
)  # fmt: skip
def test_computing_layers_twice_changes_no_bit_and_switches_no_dropout_of_the_base_on(
    config: PreTrainedConfig, tokenizer: Any, tmp_path: Path, pairs: list[Pair]
) -> None:
    base = load_tiny_model(config, tokenizer, tmp_path / "model")
    trainer = trainer_with_grown_matrices(base)
    whole = compute(trainer, pairs)
    trainer.gradients.memory = replace(trainer.gradients.memory, recomputes=True)
    again = compute(trainer, pairs)
    assert again[0] == whole[0]
    assert torch.equal(again[1], whole[1])


def test_what_lora_drops_is_the_same_when_layers_are_computed_twice(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = trainer_with_grown_matrices(llama, dropout=0.3)
    whole = compute(trainer, pairs)
    trainer.gradients.memory = replace(trainer.gradients.memory, recomputes=True)
    assert torch.equal(compute(trainer, pairs)[1], whole[1])


def test_a_single_sample_that_does_not_fit_either_way_is_a_clear_error(padded: LoraTrainer) -> None:
    longest = len(padded.tokenise(LONG).token_ids)
    before = padded.adapter.values.clone()
    with (
        most_tokens_at_once(padded.base.network, longest - 1),
        pytest.raises(OutOfMemory, match=rf"longest sample: {longest} tokens.*quantise"),
    ):
        padded.step([LONG])
    assert padded.gradients.memory.recomputes
    assert padded.steps_done == 0
    assert torch.equal(padded.adapter.values, before)


def test_a_resumed_training_uses_the_parts_that_were_found_to_fit(
    llama: LoadedModel, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_use, "LEAST_TOKENS", 0)
    options = LoraOptions(rank=4, learning_rate=1e-2, dropout=1e-9)
    steps = [pairs, [*pairs, LONG], pairs[1:], pairs]

    def train(trainer: LoraTrainer) -> torch.Tensor:
        for batch in steps[trainer.steps_done :]:
            trainer.step(batch)
        return trainer.adapter.values.clone()

    longest = len(LoraTrainer(llama, options, 4, name="other").tokenise(LONG).token_ids)
    with most_tokens_at_once(llama.network, longest + 1):
        whole = train(LoraTrainer(llama, options, 4, name="whole"))
        broken = LoraTrainer(llama, options, 4)
        for batch in steps[:2]:
            broken.step(batch)
        broken.checkpoint(tmp_path)
    # With the memory of the second process alone, the last steps would be computed in one part.
    resumed = LoraTrainer.resume(llama, tmp_path, name="resumed")
    assert resumed.gradients.memory == broken.gradients.memory
    assert torch.equal(train(resumed), whole)


@pytest.mark.parametrize(
    ("failed", "can_recompute", "expected"),
    [
        (Part(8, 4096), True, MemoryUse(2048)),
        (Part(8, 2000), True, MemoryUse(8192, recomputes=True)),
        (Part(8, 2000), False, MemoryUse(1000)),
        (Part(1, 4096), True, MemoryUse(8192, recomputes=True)),
        (Part(1, 4096), False, None),
    ],
)
def test_halving_comes_first_and_computing_twice_before_parts_are_small(
    failed: Part, can_recompute: bool, expected: MemoryUse | None
) -> None:
    used = MemoryUse(8192)
    assert use_less(used, failed, at_most=8192, can_recompute=can_recompute) == expected


def test_once_layers_are_computed_twice_parts_are_halved_down_to_one_sample() -> None:
    used = MemoryUse(8192, recomputes=True)
    assert use_less(used, Part(2, 200), at_most=8192, can_recompute=True) == MemoryUse(100, True)
    assert use_less(used, Part(1, 200), at_most=8192, can_recompute=True) is None


def test_attention_is_transformers_own_scaled_dot_product(llama: LoadedModel) -> None:
    assert llama.network.config._attn_implementation == "sdpa"


def test_other_errors_are_not_taken_for_missing_memory(
    padded: LoraTrainer, pairs: list[Pair]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    hook = padded.base.network.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        padded.step(pairs)
    hook.remove()


def test_layers_that_cannot_be_computed_twice_are_stored_again(
    padded: LoraTrainer, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compute(padded, pairs)
    padded.gradients.memory = replace(padded.gradients.memory, recomputes=True)
    calls = iter([CheckpointError("A different number of tensors was saved\nand more"), None])
    plain = padded_gradients.padded_loss

    def fail_once(*arguments: Any) -> Any:
        if (error := next(calls)) is not None:
            raise error
        return plain(*arguments)

    monkeypatch.setattr(padded_gradients, "padded_loss", fail_once)
    assert_same_step(compute(padded, pairs), whole)
    assert not padded.gradients.memory.recomputes
    (note,) = padded.gradients.take_notes()
    assert note.endswith("A different number of tensors was saved")
