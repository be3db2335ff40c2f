"""The frozen weights of a Llama-like model, read out of a causal LM that peft has wrapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sqltune.local_lora.gradients.lora_linear import FrozenLinear, LinearGroup

KNOWN_LAYOUTS = frozenset({"llama", "mistral", "qwen2"})


@dataclass(frozen=True)
class Norm:
    """An RMS norm."""

    #: (width,).
    weight: Tensor
    #: Added to the mean square.
    epsilon: float


@dataclass(frozen=True)
class Layer:
    """The frozen parts of one decoder layer."""

    #: Norm before attention.
    attention_norm: Norm
    #: Query, key and value.
    query_key_value: LinearGroup
    #: Attention's output.
    attention_out: LinearGroup
    #: Norm before the feed-forward part.
    feed_norm: Norm
    #: Gate and up.
    gate_up: LinearGroup
    #: Down.
    down: LinearGroup

    @property
    def groups(self) -> tuple[LinearGroup, ...]:
        """All linear layers, in the order of the forward pass."""
        return self.query_key_value, self.attention_out, self.gate_up, self.down


def has_known_layout(config: Any) -> bool:
    """Return whether this configuration is one whose arithmetic `PackedLlama` knows."""
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in KNOWN_LAYOUTS
        and config.hidden_act == "silu"
        and rope.get("rope_type", "default") in {"default", "linear", "llama3", "yarn"}
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "attention_dropout", 0)
    )


def read_layers(model: Any, adapter: str, rank: int, scaling: float) -> list[Layer]:
    """Return the decoder layers.

    Args:
        model: LlamaForCausalLM or similar, its linear layers wrapped by peft.
        adapter: name of the adapter that is trained.
        rank: r of its matrices.
        scaling: factor on its part.
    """
    names = {id(module): name for name, module in model.named_modules()}

    def group(*modules: Any) -> LinearGroup:
        linears = [_read_linear(module, names[id(module)], adapter) for module in modules]
        return LinearGroup(linears, rank, scaling)

    return [
        Layer(
            attention_norm=read_norm(layer.input_layernorm),
            query_key_value=group(
                layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj
            ),
            attention_out=group(layer.self_attn.o_proj),
            feed_norm=read_norm(layer.post_attention_layernorm),
            gate_up=group(layer.mlp.gate_proj, layer.mlp.up_proj),
            down=group(layer.mlp.down_proj),
        )
        for layer in model.model.layers
    ]


def read_norm(module: Any) -> Norm:
    """Return the weights of an RMS norm."""
    return Norm(module.weight.detach(), float(module.variance_epsilon))


def _read_linear(module: Any, name: str, adapter: str) -> FrozenLinear:
    layer = getattr(module, "base_layer", module)
    adapted = adapter in getattr(module, "lora_A", ())
    names = (f"{name}.lora_A.{adapter}.weight", f"{name}.lora_B.{adapter}.weight")
    bias = None if layer.bias is None else layer.bias.detach()
    return FrozenLinear(layer.weight.detach(), bias, names if adapted else None)
