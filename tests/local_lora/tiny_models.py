"""Base models of a few thousand random weights: configuration, tokenizer, safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.loading import load_base_model

CORPUS = [
    "### Instruction: Who is Pavan? \n\n### Response: Pavan is a developer advocate.",
    "Where does he live? In a town by the sea. Name a colour. Blue, as the sky is. Be short.",
    "What does he write? He writes about databases, data science and large language models.",
]


def train_tokenizer(texts: list[str]) -> Any:
    """Return a byte-level BPE tokenizer of some 300 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>", model_max_length=256
    )


def llama_config(vocabulary: int, **changes: Any) -> LlamaConfig:
    """Return a Llama of three layers with grouped key heads."""
    fields = {
        "vocab_size": vocabulary,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "eos_token_id": 0,
        "bos_token_id": None,
        "pad_token_id": 0,
    }
    return LlamaConfig(**{**fields, **changes})


def save_tiny_model(config: PreTrainedConfig, tokenizer: Any, folder: Path) -> None:
    """Write a model with seeded random weights in safetensors."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = AutoModelForCausalLM.from_config(config)
        # The usual start is so even that every prompt gets the same answer.
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.data.mul_(4)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_tiny_llama(folder: Path) -> Path:
    """Write a Llama with its tokenizer; return the folder."""
    tokenizer = train_tokenizer(CORPUS)
    save_tiny_model(llama_config(len(tokenizer)), tokenizer, folder)
    return folder


def load_tiny_model(
    config: PreTrainedConfig, tokenizer: Any, folder: Path, **options: Any
) -> LoadedModel:
    """Write a model, then load it."""
    save_tiny_model(config, tokenizer, folder)
    return load_base_model(str(folder), allowed_folders=[folder.parent], **options)
