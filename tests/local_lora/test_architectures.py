"""Mixtures of experts, hybrids of convolutions and wrappers with images are tuned and load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoConfig

from sqltune.local_lora.asked_questions import Question
from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions
from sqltune.local_lora.sampling import Sampling
from sqltune.local_lora.steps import Pair
from sqltune.local_lora.training import LoraTrainer
from tests.local_lora.test_inspecting import EXPERTS, SHAPE
from tests.local_lora.tiny_models import load_tiny_model

KINDS: dict[str, dict[str, Any]] = {
    "mixtral": {**EXPERTS, "num_local_experts": 4},
    "qwen3_moe": {**EXPERTS, "num_experts": 4, "moe_intermediate_size": 32, "head_dim": 16},
    "olmoe": {**EXPERTS, "num_experts": 4},
    "deepseek_v3": {
        **EXPERTS,
        "num_key_value_heads": 4,
        "moe_intermediate_size": 32,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 16,
        "n_shared_experts": 1,
    },
    "lfm2": {**SHAPE, "layer_types": ["conv", "full_attention"]},
    "gemma3": {
        "text_config": {**SHAPE, "vocab_size": 320, "head_dim": 16, "sliding_window": 16},
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        "mm_tokens_per_image": 4,
        "boi_token_index": 5,
        "eoi_token_index": 6,
        "image_token_index": 7,
    },
}
PAIRS = [Pair("Who is Pavan?", "A developer advocate."), Pair("Name a colour.", "Blue.")]


@pytest.fixture(params=KINDS)
def base(request: pytest.FixtureRequest, tokenizer: Any, tmp_path: Path) -> LoadedModel:
    fields = {"vocab_size": len(tokenizer), **KINDS[request.param]}
    config = AutoConfig.for_model(request.param, **fields)
    return load_tiny_model(config, tokenizer, tmp_path / "model")


def train(base: LoadedModel, folder: Path) -> None:
    """Train a few steps, store the adapter and remove it from the network."""
    options = LoraOptions(rank=4, alpha=8, learning_rate=1e-2, seed=0)
    trainer = LoraTrainer(base, options, 8)
    losses = [trainer.step(PAIRS).loss for _ in range(8)]
    assert losses[-1] < losses[0] - 0.5
    trainer.save(folder)
    trainer.close()


# Both are peft 0.21's own.
@pytest.mark.filterwarnings("ignore:.*(rank|alpha)_pattern keys did:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_it_is_tuned_and_its_adapter_loads_here_and_in_plain_peft(
    base: LoadedModel, tmp_path: Path
) -> None:
    train(base, tmp_path / "adapter")
    base.load_adapter(tmp_path / "adapter", "tuned")
    plain = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter", dtype=torch.float32)
    ids = torch.tensor([[40, 41, 42, 43, 44, 45]])
    with torch.no_grad(), base.active("tuned"):
        ours = base.network(input_ids=ids).logits
        theirs = plain.eval()(input_ids=ids).logits
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_an_answer_does_not_depend_on_the_prompts_beside_it(base: LoadedModel) -> None:
    texts = ["Who?", "Name a colour.", "Where does he live? In a town by the sea. Blue " * 4]
    questions = [Question(text) for text in texts]
    sampling = Sampling(max_new_tokens=12)
    together = {a.index: a.text for a in base.answer(questions, sampling=sampling)}
    alone = [next(iter(base.answer([q], sampling=sampling))).text for q in questions]
    assert [together[i] for i in range(len(texts))] == alone
    assert len(set(alone)) > 1
