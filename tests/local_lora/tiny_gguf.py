"""GGUF files of random weights: a Llama, or a Qwen, of two layers with a small vocabulary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType

# A multiple of the largest block, so that every quantisation fits.
_HIDDEN, _INNER, _HEADS, _KEY_HEADS = 256, 256, 8, 2
_TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"


def write_tiny_gguf(
    path: Path,
    tokenizer: Any,
    *,
    architecture: str = "llama",
    quantization: GGMLQuantizationType = GGMLQuantizationType.Q8_0,
    without: str | None = None,
    seed: int = 7,
) -> Path:
    """Write a model of two layers; return the path.

    Args:
        path: where to.
        tokenizer: a byte-level BPE tokenizer of transformers.
        architecture: what the file says that it is.
        quantization: of its matrices.
        without: a tensor to leave out.
        seed: of the weights.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_context_length(256)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(2)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokenizer))
    _add_tokenizer(writer, tokenizer)
    random = np.random.default_rng(seed)
    shapes = _shapes(len(tokenizer), architecture)
    for name, values in ((name, _values(shape, random)) for name, shape in shapes.items()):
        if name != without:
            _add_tensor(writer, name, values, quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Any) -> None:
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    # 3 is a control token, 1 a usual one.
    writer.add_token_types([3 if token == tokenizer.eos_token else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(_TEMPLATE)


def _shapes(vocabulary: int, architecture: str) -> dict[str, tuple[int, ...]]:
    # transformers knows of no other width of a Qwen 3's heads.
    head = 128 if architecture == "qwen3" else _HIDDEN // _HEADS
    queries, keys = head * _HEADS, head * _KEY_HEADS
    of_layer: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (_HIDDEN,),
        "attn_q.weight": (queries, _HIDDEN),
        "attn_k.weight": (keys, _HIDDEN),
        "attn_v.weight": (keys, _HIDDEN),
        "attn_output.weight": (_HIDDEN, queries),
        "ffn_norm.weight": (_HIDDEN,),
        "ffn_gate.weight": (_INNER, _HIDDEN),
        "ffn_up.weight": (_INNER, _HIDDEN),
        "ffn_down.weight": (_HIDDEN, _INNER),
    }
    if architecture == "qwen2":
        of_layer |= {"attn_q.bias": (queries,), "attn_k.bias": (keys,), "attn_v.bias": (keys,)}
    if architecture == "qwen3":
        of_layer |= {"attn_q_norm.weight": (head,), "attn_k_norm.weight": (head,)}
    return {"token_embd.weight": (vocabulary, _HIDDEN), "output_norm.weight": (_HIDDEN,)} | {
        f"blk.{layer}.{name}": shape for layer in range(2) for name, shape in of_layer.items()
    }


def _values(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    return random.normal(0, 0.2, shape).astype(np.float32)


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, values: np.ndarray, quantization: GGMLQuantizationType
) -> None:
    if values.ndim == 1 or quantization is GGMLQuantizationType.F32:
        writer.add_tensor(name, values)
        return
    try:
        packed = gguf.quants.quantize(values, quantization)
    except NotImplementedError:
        # gguf packs few types; for what a file is refused for, any bytes will do.
        elements, size = gguf.GGML_QUANT_SIZES[quantization]
        packed = np.zeros((values.shape[0], values.shape[1] // elements * size), np.uint8)
    writer.add_tensor(name, packed, raw_dtype=quantization)
