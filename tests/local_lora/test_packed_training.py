"""Packing, chunked loss and hand-written gradients change the speed, not the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from sqltune.local_lora.gradients import packed_attention, response_loss
from sqltune.local_lora.gradients.parts import cut_into_parts
from sqltune.local_lora.gradients.shared_tokens import (
    LEAST_SHARED_TOKENS,
    count_shared_tokens,
)
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.precision import Precision
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.tokenising import TokenisedSample
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.tiny_models import llama_config, load_tiny_model

SMALL = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "eos_token_id": 0,
    "bos_token_id": None,
    "pad_token_id": 0,
}


def trainer_with_grown_matrices(base: LoadedModel, **options: Any) -> LoraTrainer:
    """Return a trainer whose B matrices are not zero, so that A has a gradient too."""
    trainer = LoraTrainer(base, LoraOptions(**{"rank": 4, "alpha": 8.0, **options}), 10)
    generator = torch.Generator().manual_seed(3)
    trainer.adapter.values.add_(torch.randn(trainer.adapter.values.shape, generator=generator) / 20)
    return trainer


def both_ways(trainer: LoraTrainer, pairs: list[Pair]) -> tuple[float, float, float]:
    """Return the packed loss, the padded loss, and how far the gradients are apart (relative)."""
    samples = [trainer.tokenise(pair) for pair in pairs]
    assert trainer.gradients.is_packed
    packed_loss = trainer.gradients.compute(samples, 0).weighted
    packed = trainer.adapter.gradient.clone()
    trainer.gradients.pad()
    padded_loss = trainer.gradients.compute(samples, 0).weighted
    padded = trainer.adapter.gradient
    views = zip(
        trainer.adapter.views_of(packed).values(),
        trainer.adapter.views_of(padded).values(),
        strict=True,
    )
    apart = max(float((a - b).norm() / b.norm()) for a, b in views)
    return packed_loss, padded_loss, apart


def test_packed_float32_training_gives_the_padded_loss_and_every_gradient(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    packed, padded, apart = both_ways(trainer_with_grown_matrices(llama), pairs)
    assert packed == pytest.approx(padded, rel=1e-5)
    assert apart < 1e-5


def test_packed_rehearsal_gives_the_padded_loss_and_every_gradient(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    mixed = [
        replace(pair, weight=0.3, is_rehearsal=place % 2 == 0) for place, pair in enumerate(pairs)
    ]
    packed, padded, apart = both_ways(trainer_with_grown_matrices(llama), mixed)
    assert packed == pytest.approx(padded, rel=1e-5)
    assert apart < 1e-5


def test_rehearsal_measures_how_far_the_model_is_from_the_base_model(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = trainer_with_grown_matrices(llama)
    samples = [trainer.tokenise(replace(pair, is_rehearsal=True)) for pair in pairs]
    loss = trainer.gradients.compute(samples, 0).weighted

    divergences = []
    for sample in samples:
        ids = torch.tensor([sample.token_ids])
        with torch.no_grad():
            with llama.active(trainer.name):
                own = llama.network(input_ids=ids).logits[0].double().log_softmax(1)
            with llama.active(None):
                kept = llama.network(input_ids=ids).logits[0].double().log_softmax(1)
        places = torch.tensor(list(sample.trained_positions)) - 1
        divergences += (kept.exp() * (kept - own)).sum(1)[places].tolist()
    assert loss == pytest.approx(sum(divergences) / len(divergences), rel=1e-3)
    assert loss > 0.01


def test_an_untrained_adapter_has_nothing_to_rehearse(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = LoraTrainer(llama, LoraOptions(rank=4), 10)
    samples = [trainer.tokenise(replace(pair, is_rehearsal=True)) for pair in pairs]
    for _ in range(2):
        assert trainer.gradients.compute(samples, 0).weighted == pytest.approx(0.0, abs=1e-6)
        assert float(trainer.adapter.gradient.abs().max()) < 1e-5
        trainer.gradients.pad()


def test_segments_cut_into_pieces_give_the_same_gradients(
    llama: LoadedModel, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_attention, "QUERIES_AT_ONCE", 7)
    monkeypatch.setattr(packed_attention, "_KEYS_TO_KEEP", 32)
    packed, padded, apart = both_ways(trainer_with_grown_matrices(llama), pairs)
    assert packed == pytest.approx(padded, rel=1e-5)
    assert apart < 1e-5


@pytest.mark.parametrize("queries_at_once", [256, 7])
def test_tokens_with_which_all_samples_begin_are_computed_once_and_change_no_gradient(
    llama: LoadedModel,
    pairs: list[Pair],
    monkeypatch: pytest.MonkeyPatch,
    queries_at_once: int,
) -> None:
    monkeypatch.setattr(packed_attention, "QUERIES_AT_ONCE", queries_at_once)
    alike = [
        replace(p, system_prompt="You are a helpful assistant of a small town.") for p in pairs
    ]
    trainer = trainer_with_grown_matrices(llama)
    samples = [trainer.tokenise(pair) for pair in alike]
    shared = count_shared_tokens(samples)
    assert shared >= LEAST_SHARED_TOKENS
    rows: list[int] = []
    hook = llama.network.model.rotary_emb.register_forward_hook(
        lambda module, inputs, output: rows.append(inputs[0].shape[0])
    )
    packed, padded, apart = both_ways(trainer, alike)
    hook.remove()
    assert rows[0] == sum(len(s.token_ids) for s in samples) - (len(samples) - 1) * shared
    assert packed == pytest.approx(padded, rel=1e-5)
    assert apart < 1e-5


def test_a_token_that_predicts_a_trained_one_is_not_shared() -> None:
    alike = tuple(range(20))

    def sample(start: int, *more: int) -> TokenisedSample:
        return TokenisedSample((*alike, *more), start)

    assert count_shared_tokens([sample(22, 1, 2, 3), sample(21, 4, 5)]) == 20
    assert count_shared_tokens([sample(15, 1, 2, 3), sample(21, 4, 5)]) == 14
    assert count_shared_tokens([sample(0, 1), sample(21, 4, 5)]) == 0
    assert count_shared_tokens([sample(22, 1, 2, 3)]) == 0
    assert count_shared_tokens([sample(22, 1, 2), TokenisedSample((1, 2, 3, 4), 2)]) == 0


@pytest.mark.parametrize(
    "config",
    [
        llama_config(320, tie_word_embeddings=False, attention_bias=True, num_key_value_heads=6),
        llama_config(
            320, rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
        ),
        llama_config(320, head_dim=10),
        MistralConfig(vocab_size=320, sliding_window=None, **SMALL),
        Qwen2Config(vocab_size=320, **SMALL),
    ],
    ids=["llama-untied-bias", "llama-linear-rope", "llama-odd-head", "mistral", "qwen2"],
)
def test_every_known_layout_agrees_with_the_models_own_arithmetic(
    config: PreTrainedConfig, tokenizer: Any, tmp_path: Path, pairs: list[Pair]
) -> None:
    base = load_tiny_model(config, tokenizer, tmp_path / "model")
    packed, padded, apart = both_ways(trainer_with_grown_matrices(base), pairs)
    assert packed == pytest.approx(padded, rel=1e-5)
    assert apart < 1e-5


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(
            vocab_size=320, n_embd=48, n_layer=2, n_head=4, n_positions=256, bos_token_id=0,
            eos_token_id=0,
        ),
        Qwen3Config(vocab_size=320, head_dim=12, **SMALL),
        MistralConfig(vocab_size=320, sliding_window=8, **SMALL),
    ],
    ids=["gpt2", "qwen3", "mistral-sliding"],
)  # fmt: skip
def test_other_architectures_are_trained_padded_and_learn(
    config: PreTrainedConfig, tokenizer: Any, tmp_path: Path, pairs: list[Pair]
) -> None:
    base = load_tiny_model(config, tokenizer, tmp_path / "model")
    trainer = LoraTrainer(base, LoraOptions(learning_rate=1e-2, rank=4), 20)
    assert not trainer.gradients.is_packed
    losses = [trainer.step(pairs).loss for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_layout_that_computes_otherwise_is_noticed_and_trained_padded(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    mlp = type(llama.network.model.layers[0].mlp)

    other = type("OtherMlp", (mlp,), {"forward": lambda self, x: 1.5 * mlp.forward(self, x)})
    llama.network.model.layers[1].mlp.__class__ = other
    assert not LoraTrainer(llama, LoraOptions(), 10).gradients.is_packed


def test_a_step_in_parts_gives_the_gradient_of_the_whole_step(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = trainer_with_grown_matrices(llama)
    samples = [trainer.tokenise(pair) for pair in pairs]
    whole_loss = trainer.gradients.compute(samples, 0).weighted
    whole = trainer.adapter.gradient.clone()
    in_parts = trainer.gradients.compute(samples, 0, tokens_at_once=1).weighted
    assert in_parts == pytest.approx(whole_loss, rel=1e-6)
    torch.testing.assert_close(trainer.adapter.gradient, whole, rtol=1e-4, atol=1e-6)


def test_loss_in_chunks_is_the_loss_in_one_piece(
    llama: LoadedModel, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_with_grown_matrices(llama)
    samples = [trainer.tokenise(pair) for pair in pairs]
    at_once = trainer.gradients.compute(samples, 0).weighted
    monkeypatch.setattr(response_loss, "ROWS_AT_ONCE", 5)
    assert trainer.gradients.compute(samples, 0).weighted == pytest.approx(at_once, rel=1e-6)


def test_weights_scale_a_pairs_share_of_the_loss(llama: LoadedModel) -> None:
    trainer = LoraTrainer(llama, LoraOptions(), 10)
    light, heavy = Pair("a", "One.", weight=1.0), Pair("b", "Two, and more.", weight=3.0)
    tokens = [trainer.tokenise(p).trained_tokens for p in (light, heavy)]
    alone = [trainer.gradients.compute([trainer.tokenise(p)], 0).weighted for p in (light, heavy)]
    both = [trainer.tokenise(p) for p in (light, heavy)]
    together = trainer.gradients.compute(both, 0).weighted
    shares = [1.0 * tokens[0], 3.0 * tokens[1]]
    expected = sum(a * s for a, s in zip(alone, shares, strict=True)) / sum(shares)
    assert together == pytest.approx(expected, rel=1e-5)


def test_prompt_tokens_do_not_count_in_the_loss(llama: LoadedModel) -> None:
    trainer = LoraTrainer(llama, LoraOptions(), 10)
    sample = trainer.tokenise(Pair("Who is Pavan?", "A writer."))
    ids = torch.tensor([sample.token_ids])
    logits = llama.network(ids).logits[0].detach()
    start = sample.response_start
    expected = torch.nn.functional.cross_entropy(logits[start - 1 : -1], ids[0, start:])
    loss = trainer.gradients.compute([sample], 0).weighted
    assert loss == pytest.approx(float(expected), rel=1e-5)


def test_bfloat16_training_stays_near_float32(
    tokenizer: Any, tmp_path: Path, pairs: list[Pair]
) -> None:
    config = llama_config(320)
    narrow = load_tiny_model(config, tokenizer, tmp_path / "model", precision=Precision.BFLOAT16)
    assert narrow.dtype == torch.bfloat16
    packed, padded, apart = both_ways(trainer_with_grown_matrices(narrow), pairs)
    assert packed == pytest.approx(padded, rel=2e-2)
    assert apart < 0.2


def test_parts_hold_every_sample_once_and_stay_below_the_limit(
    llama: LoadedModel, pairs: list[Pair]
) -> None:
    trainer = LoraTrainer(llama, LoraOptions(), 10)
    samples = [trainer.tokenise(pair) for pair in pairs * 5]
    parts = list(cut_into_parts(samples, 100, padded=False))
    assert sorted(map(hash, samples)) == sorted(hash(s) for part in parts for s in part)
    assert all(len(part) == 1 or sum(len(s.token_ids) for s in part) <= 100 for part in parts)
