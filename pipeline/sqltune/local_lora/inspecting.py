"""Compares what a base model's configuration describes with its weights and its tokenizer.

The network is built without memory for its weights, and transformers itself matches names and
shapes, so that renamed, fused and tied weights count as they do when they are loaded. Nothing of
the weights but their headers is read.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_module_registration_hook
from transformers import AutoConfig, AutoModelForCausalLM

from sqltune.local_lora.model_folder import check_folder, refuse

#: Modules that a network may have for each tensor of its weights: activations, lists, norms.
_MODULES_PER_TENSOR = 20
_LEAST_MODULES = 1_000
#: The container of a layer, as in `model.layers.7.mlp.up_proj.weight`.
_LAYER = re.compile(r"^(?P<container>.*?)\.(?P<number>\d+)\.")
#: Masks and frequencies that older checkpoints have stored.
_STORED_CONSTANT = re.compile(r"(inv_freq|masked_bias|attn\.bias|attention\.bias|position_ids)$")


@dataclass(frozen=True, slots=True)
class Inspected:
    """A base model's folder that may be loaded."""

    config: Any  #: of transformers
    parameters: int
    embeddings: int  #: rows of the matrix that tokens are looked up in


def inspect_weights(name: str, folder: Path) -> Inspected:
    """Return what a folder describes, once it agrees with itself.

    Args:
        name: as the user wrote it.
        folder: with configuration and weights.

    Raises:
        RequestRejected: weights are missing, have other shapes or other names than the
            configuration says, or the architecture cannot be tuned or asked here.
    """
    tensors = check_folder(name, folder)
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    _refuse_encoder(name, config)
    with _bounded_modules(name, _LEAST_MODULES + _MODULES_PER_TENSOR * len(tensors)):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            config=config,
            device_map={"": torch.device("meta")},
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    network, found = loaded
    _refuse_stateful(name, network)
    _refuse_differences(name, network, found)
    embeddings = network.get_input_embeddings().weight.shape[0]
    return Inspected(config, network.num_parameters(), embeddings)


def check_tokens(name: str, tokenizer: Any, embeddings: int) -> None:
    """Require that the network has a row for every token of a text, and that texts can end.

    Raises:
        RequestRejected: it is otherwise.
    """
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        raise refuse(name, "its tokenizer has no tokenizer.json and none can be made of its files")
    if tokenizer.eos_token_id is None:
        raise refuse(
            name,
            "its tokenizer has no end token, so that an answer could not end: set eos_token in "
            "tokenizer_config.json to the token that ends a text",
        )
    # No text has the marks of images and the like: some models have no row for them.
    marks = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    marks -= {tokenizer.eos_token_id, tokenizer.bos_token_id}
    ids = [i for i in tokenizer.get_vocab().values() if i not in marks]
    if max(ids) >= embeddings:
        raise refuse(
            name,
            f"its tokenizer has tokens up to number {max(ids):,}, and the model has embeddings for "
            f"{embeddings:,} tokens: resize the embeddings (resize_token_embeddings) and train "
            "them, or restore the tokenizer that the model was trained with",
        )


def _refuse_encoder(name: str, config: Any) -> None:
    if getattr(config, "is_decoder", True) is False:
        raise refuse(
            name,
            f"a {config.model_type} model is an encoder, which reads a text in both directions, "
            "and only models that continue a text can be tuned here",
        )


def _refuse_stateful(name: str, network: Any) -> None:
    takes = inspect.signature(type(network).forward).parameters
    if not network._is_stateful and ("past_key_values" in takes or "cache" in takes):
        return
    raise refuse(
        name,
        f"its architecture {type(network).__name__} keeps a running state in place of, or beside, "
        "the keys and values of attention (as Mamba and RWKV do), which is not supported: use a "
        "model of attention, such as a Llama, Qwen 3 or Gemma 3",
    )


def _refuse_differences(name: str, network: Any, found: dict[str, Any]) -> None:
    missing, extra = sorted(found["missing_keys"]), sorted(found["unexpected_keys"])
    if missing:
        raise refuse(name, _describe_missing(missing, extra, len(network.state_dict())))
    for key, stored, asked in sorted(found["mismatched_keys"], key=lambda each: str(each[0])):
        raise refuse(
            name,
            f"its config.json contradicts its weights: {key!r} would have the shape "
            f"{tuple(asked)}, and is stored as {tuple(stored)}: restore the files as they were "
            "published",
        )
    left_out = next(_left_out(network, extra), None)
    if left_out is not None:
        raise refuse(
            name,
            f"its config.json leaves out some of its weights (for instance {left_out!r}): it "
            "describes fewer layers or another kind of layer; restore the files as they were "
            "published",
        )


def _describe_missing(missing: list[str], extra: list[str], count: int) -> str:
    pairs = ((key, lacking) for key in extra for lacking in missing)
    prefix = next((k.removesuffix(m) for k, m in pairs if k.endswith(f".{m}")), None)
    if prefix is not None:
        return (
            f"the names of its weights begin with {prefix!r}, as peft or DataParallel write them: "
            "save the model inside (peft: merge_and_unload) with save_pretrained"
        )
    return (
        f"its weights lack {len(missing):,} of {count:,} tensors (for instance {missing[0]!r}), "
        "which would be drawn at random: restore the files as they were published, and name a "
        "model that was saved with its language-model head"
    )


def _left_out(network: Any, extra: list[str]) -> Iterator[str]:
    """Yield stored weights in the network's own rows of layers that the network does not have."""
    own = {match["container"] for key in network.state_dict() if (match := _LAYER.match(key))}
    for key in extra:
        match = _LAYER.match(key)
        if match and match["container"] in own and not _STORED_CONSTANT.search(key):
            yield key


@contextmanager
def _bounded_modules(name: str, most: int) -> Iterator[None]:
    """Refuse a configuration that asks for many more modules than the weights could fill."""
    count = 0

    def count_module(module: Any, child_name: str, child: Any) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise refuse(
                name,
                f"its config.json describes a network of more than {most:,} parts, many more than "
                "its weights fill: restore the files as they were published",
            )

    hook = register_module_module_registration_hook(count_module)
    try:
        yield
    finally:
        hook.remove()
