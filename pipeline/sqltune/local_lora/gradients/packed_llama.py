"""Loss and LoRA gradients of a Llama-like model over packed samples, without autograd.

The quick way: samples follow each other, no token is padding, and each layer keeps only what its
backward pass reads. It exists only for layouts whose arithmetic is known (Llama, Mistral, Qwen2);
`adapter_gradients` compares it with `padded_loss` before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from sqltune.local_lora.gradients.elementwise import (
    gate_backward,
    gate_forward,
    normalise,
    normalise_backward,
    rotate,
)
from sqltune.local_lora.gradients.llama_layers import Layer, read_layers, read_norm
from sqltune.local_lora.gradients.packed_attention import (
    EXTRA_ROWS,
    AttentionShape,
    PackedAttention,
)
from sqltune.local_lora.gradients.response_loss import (
    divergence_with_gradient,
    find_predicting_rows,
    loss_with_gradient,
)
from sqltune.local_lora.gradients.shared_tokens import count_shared_tokens
from sqltune.local_lora.gradients.step_loss import StepLoss
from sqltune.local_lora.tokenising import TokenisedSample


@dataclass
class Activations:
    """What one layer's backward pass reads; (tokens, …) in the activations' dtype."""

    x: Tensor
    x_inverse: Tensor
    normed: Tensor
    qkv_low: Tensor | None
    query: Tensor
    key: Tensor
    value: Tensor
    probabilities: list[Tensor | None]
    attended: Tensor
    out_low: Tensor | None
    middle: Tensor
    middle_inverse: Tensor
    middle_normed: Tensor
    gate_up_low: Tensor | None
    gate: Tensor
    gate_out: Tensor
    up: Tensor
    product: Tensor
    down_low: Tensor | None


@dataclass(frozen=True)
class Packing:
    """One arrangement of samples: positions for the rotation, segments for attention."""

    cosine: Tensor
    sine: Tensor
    attention: PackedAttention
    #: Tokens with which all samples begin, computed once.
    shared: int


class PackedLlama:
    """A Llama-like model with one LoRA adapter, as plain weights."""

    def __init__(self, model: Any, adapter: str, rank: int, scaling: float) -> None:
        """Read the weights out of a causal LM whose linear layers peft has wrapped.

        Args:
            model: LlamaForCausalLM or similar.
            adapter: name of the adapter that is trained.
            rank: r of its matrices.
            scaling: factor on its part.
        """
        self._inner = model.model
        self._output_weight: Tensor = model.lm_head.weight.detach()
        self._final_norm = read_norm(self._inner.norm)
        config, attention = model.config, self._inner.layers[0].self_attn
        self.shape = AttentionShape(
            config.num_attention_heads,
            config.num_key_value_heads,
            attention.head_dim,
            attention.scaling,
        )
        self.layers = read_layers(model, adapter, rank, scaling)

    @property
    def matrix_names(self) -> list[str]:
        """The adapter's matrices in the order that lets a group's A matrices be one view."""
        return [name for layer in self.layers for group in layer.groups for name in group.names]

    @torch.no_grad()
    def loss_and_gradients(
        self,
        samples: Sequence[TokenisedSample],
        token_weight: float,
        matrices: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        check: Callable[[], None],
    ) -> StepLoss:
        """Return the loss of the samples; the adapter's gradients are added to `gradients`.

        Args:
            samples: one micro-batch.
            token_weight: factor on every trained token's loss, besides its sample's weight.
            matrices: the adapter by name, in the model's dtype.
            gradients: float32 by name, added to.
            check: called at every layer; what it raises ends the computation.
        """
        base_hidden = self._base_hidden([s for s in samples if s.is_rehearsal], check)
        x, packing = self._embed(samples)
        kept = []
        for layer in self.layers:
            check()
            x, layer_kept = self._forward(layer, x, packing, matrices)
            kept.append(layer_kept)
        loss, grad = self._loss(x, samples, token_weight, packing.shared, base_hidden)
        for index in reversed(range(len(self.layers))):
            check()
            grad = self._backward(
                self.layers[index], grad, kept.pop(), packing, matrices, gradients, index > 0
            )
        return loss

    def _base_hidden(
        self, samples: Sequence[TokenisedSample], check: Callable[[], None]
    ) -> Tensor | None:
        """Return the normalised hidden states that predict, without the adapter; None for none."""
        if not samples:
            return None
        x, packing = self._embed(samples)
        for layer in self.layers:
            check()
            x, _ = self._forward(layer, x, packing, None)
        chosen = x[find_predicting_rows(samples, x.device, packing.shared).positions]
        return normalise(chosen, self._final_norm.weight, self._final_norm.epsilon)[0]

    @torch.no_grad()
    def loss(
        self,
        samples: Sequence[TokenisedSample],
        matrices: Mapping[str, Tensor],
        check: Callable[[], None],
    ) -> StepLoss:
        """Return the loss of the samples without any gradient; see `loss_and_gradients`."""
        x, packing = self._embed(samples)
        for layer in self.layers:
            check()
            x, _ = self._forward(layer, x, packing, matrices)
        loss, _ = self._loss(x, samples, 1.0, packing.shared, None)
        return loss

    def _embed(self, samples: Sequence[TokenisedSample]) -> tuple[Tensor, Packing]:
        lengths = [len(sample.token_ids) for sample in samples]
        shared = count_shared_tokens(samples)
        device = self._output_weight.device
        ids = list(samples[0].token_ids[:shared])
        places = list(range(shared))
        for sample in samples:
            ids += sample.token_ids[shared:]
            places += range(shared, len(sample.token_ids))
        positions = torch.tensor(places, device=device)
        x: Tensor = self._inner.embed_tokens(torch.tensor(ids, device=device))
        cosine, sine = self._inner.rotary_emb(x, positions[None])
        half = self.shape.head_size // 2
        return x, Packing(
            cosine[0, :, None, :half],
            sine[0, :, None, :half],
            PackedAttention(lengths, self.shape, x, shared),
            shared,
        )

    def _forward(
        self, layer: Layer, x: Tensor, packing: Packing, matrices: Mapping[str, Tensor] | None
    ) -> tuple[Tensor, Activations]:
        normed, x_inverse = normalise(x, layer.attention_norm.weight, layer.attention_norm.epsilon)
        (q, k, v), qkv_low = layer.query_key_value.forward(normed, matrices)
        query = rotate(self._heads(q), packing.cosine, packing.sine)
        key = pad(rotate(self._heads(k), packing.cosine, packing.sine), (0, 0, 0, 0, 0, EXTRA_ROWS))
        value = pad(self._heads(v), (0, 0, 0, 0, 0, EXTRA_ROWS))
        attended, probabilities = packing.attention.forward(query, key, value)
        (middle,), out_low = layer.attention_out.forward(attended, matrices, residual=x)
        middle_normed, middle_inverse = normalise(
            middle, layer.feed_norm.weight, layer.feed_norm.epsilon
        )
        (gate, up), gate_up_low = layer.gate_up.forward(middle_normed, matrices)
        product, gate_out = gate_forward(gate, up)
        (output,), down_low = layer.down.forward(product, matrices, residual=middle)
        kept = Activations(
            x=x, x_inverse=x_inverse, normed=normed, qkv_low=qkv_low,
            query=query, key=key, value=value, probabilities=probabilities,
            attended=attended, out_low=out_low,
            middle=middle, middle_inverse=middle_inverse, middle_normed=middle_normed,
            gate_up_low=gate_up_low, gate=gate, gate_out=gate_out, up=up,
            product=product, down_low=down_low,
        )  # fmt: skip
        return output, kept

    def _loss(
        self,
        x: Tensor,
        samples: Sequence[TokenisedSample],
        token_weight: float,
        shared: int,
        base_hidden: Tensor | None,
    ) -> tuple[StepLoss, Tensor]:
        rows = find_predicting_rows(samples, x.device, shared)
        chosen = x[rows.positions]
        normed, inverse = normalise(chosen, self._final_norm.weight, self._final_norm.epsilon)
        weights = rows.weights * token_weight
        losses, normed_grad = torch.empty_like(weights), torch.empty_like(normed)
        own, other = rows.is_sample, ~rows.is_sample
        losses[own], normed_grad[own] = loss_with_gradient(
            normed[own], self._output_weight, rows.targets[own], weights[own]
        )
        if base_hidden is not None:
            losses[other], normed_grad[other] = divergence_with_gradient(
                normed[other], base_hidden, self._output_weight, weights[other]
            )
        grad = torch.zeros_like(x)
        grad[rows.positions] = normalise_backward(
            normed_grad, chosen, self._final_norm.weight, inverse
        )
        return StepLoss(
            weighted=float((losses * weights).sum()),
            sample_sum=float(losses[rows.is_sample].sum()),
        ), grad

    def _backward(
        self,
        layer: Layer,
        grad: Tensor,
        kept: Activations,
        packing: Packing,
        matrices: Mapping[str, Tensor],
        gradients: Mapping[str, Tensor],
        needs_input: bool,
    ) -> Tensor:
        product_grad = layer.down.backward([grad], kept.product, kept.down_low, matrices, gradients)
        gate_up_grads = gate_backward(product_grad, kept.gate, kept.gate_out, kept.up)
        middle_grad = layer.gate_up.backward(
            gate_up_grads, kept.middle_normed, kept.gate_up_low, matrices, gradients
        )
        grad += normalise_backward(
            middle_grad, kept.middle, layer.feed_norm.weight, kept.middle_inverse
        )
        attended_grad = layer.attention_out.backward(
            [grad], kept.attended, kept.out_low, matrices, gradients
        )
        query_grad, key_grad, value_grad = packing.attention.backward(
            attended_grad, kept.query, kept.key, kept.value, kept.probabilities
        )
        rotated = (rotate(g, packing.cosine, -packing.sine) for g in (query_grad, key_grad))
        grads = [g.flatten(1) for g in (*rotated, value_grad)]
        group, inputs = layer.query_key_value, (kept.normed, kept.qkv_low, matrices, gradients)
        if not needs_input:
            group.add_gradients(grads, *inputs)
            return grad
        x_grad = group.backward(grads, *inputs)
        grad += normalise_backward(x_grad, kept.x, layer.attention_norm.weight, kept.x_inverse)
        return grad

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1, self.shape.head_size)
