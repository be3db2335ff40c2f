"""The configuration that peft gets for an adapter that is to be trained."""

from __future__ import annotations

from peft import LoraConfig
from transformers.pytorch_utils import Conv1D

from sqltune.local_lora.loaded_model import LoadedModel
from sqltune.local_lora.lora_options import LoraOptions


def make_lora_config(base: LoadedModel, options: LoraOptions) -> LoraConfig:
    """Return peft's configuration of a LoRA pair on every linear layer of the base model."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules="all-linear",
        # GPT-2's layers store their weights transposed, and peft has to know.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in base.network.modules()),
        base_model_name_or_path=base.name,
        revision=None,
    )
