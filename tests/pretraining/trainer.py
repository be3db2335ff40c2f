"""One optimizer step of the pretraining: bf16 in the model, fp32 masters in the optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from tests.pretraining.packing import Batch
from tests.pretraining.recipe import Recipe


def build_model(recipe: Recipe, *, pad_id: int, end_id: int) -> LlamaForCausalLM:
    """Return an untrained model of the recipe's shape, in float32."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=recipe.vocabulary_size,
        hidden_size=recipe.width,
        intermediate_size=recipe.inner_width,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.key_value_heads,
        head_dim=recipe.width // recipe.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=pad_id,
        bos_token_id=None,
        eos_token_id=end_id,
    )
    model = LlamaForCausalLM(config)
    # On rows this short, plain products that the compiler fuses beat the flash kernel's backward.
    model.set_attn_implementation("eager")
    return model


class Trainer:
    """The model that is trained, with its optimizers."""

    def __init__(self, model: LlamaForCausalLM, recipe: Recipe, *, compiles: bool) -> None:
        """Copy the model's weights into float32 masters, and convert the model to bf16."""
        self.recipe = recipe
        named = dict(model.named_parameters())
        self.masters = {name: p.detach().clone().float() for name, p in named.items()}
        self.model = model
        model.bfloat16()
        self.optimizers = _build_optimizers(self.masters, recipe)
        loss: Callable[..., Tensor] = packed_loss
        self._loss = torch.compile(loss, dynamic=False) if compiles else loss

    def step(self, batch: Batch, number: int) -> float:
        """Train on one batch and return its mean loss per weighted token."""
        loss = self._loss(
            self.model,
            batch.token_ids,
            batch.positions,
            attention_mask(batch.documents),
            batch.weights,
        )
        loss.backward()
        self._apply_gradients(number)
        return float(loss.detach())

    def _apply_gradients(self, number: int) -> None:
        parameters = dict(self.model.named_parameters())
        for name, master in self.masters.items():
            gradient = parameters[name].grad
            master.grad = None if gradient is None else gradient.float()
            parameters[name].grad = None
        torch.nn.utils.clip_grad_norm_(list(self.masters.values()), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * self.recipe.rate_at(number)
            optimizer.step()
        with torch.no_grad():
            for name, master in self.masters.items():
                parameters[name].copy_(master)

    def state(self) -> dict[str, Any]:
        """Return all that is needed to resume."""
        return {"masters": self.masters, "optimizers": [o.state_dict() for o in self.optimizers]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from what `state` returned."""
        parameters = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, master in self.masters.items():
                master.copy_(state["masters"][name])
                parameters[name].copy_(master)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def attention_mask(documents: Tensor) -> Tensor:
    """Let each token attend to the earlier ones of its own document.

    Args:
        documents: (rows, length) int64, number of the document; padding counts as one.

    Returns:
        (rows, 1, length, length) bfloat16: 0 where a token may attend, strongly negative elsewhere.
    """
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    earlier = torch.ones(length, length, dtype=torch.bool).tril()
    mask = torch.zeros(same.shape, dtype=torch.bfloat16)
    return mask.masked_fill(~(same & earlier), -1e9)[:, None]


def packed_loss(
    model: LlamaForCausalLM, token_ids: Tensor, positions: Tensor, mask: Tensor, weights: Tensor
) -> Tensor:
    """Return the mean cross-entropy over weighted tokens of packed rows (shapes: see `Batch`)."""
    decoder: Any = model.model
    hidden = decoder(
        input_ids=token_ids, position_ids=positions, attention_mask=mask
    ).last_hidden_state
    logits = functional.linear(hidden, decoder.embed_tokens.weight)[:, :-1]
    losses = functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), token_ids[:, 1:].reshape(-1), reduction="none"
    )
    target_weights = weights[:, 1:].reshape(-1)
    return (losses * target_weights).sum() / target_weights.sum()


def _build_optimizers(masters: dict[str, Tensor], recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Use Muon for the matrices within the layers, AdamW for the embedding and the norms."""
    inner = {n: p for n, p in masters.items() if p.ndim == 2 and "embed" not in n}
    outer: Iterable[Tensor] = [p for n, p in masters.items() if n not in inner]
    muon = torch.optim.Muon(
        list(inner.values()),
        lr=recipe.muon_rate,
        weight_decay=recipe.weight_decay,
        momentum=0.95,
        adjust_lr_fn="match_rms_adamw",
    )
    adam = torch.optim.AdamW(list(outer), lr=recipe.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
    for optimizer, peak in ((muon, recipe.muon_rate), (adam, recipe.adam_rate)):
        for group in optimizer.param_groups:
            group["peak_lr"] = peak
    return [muon, adam]
