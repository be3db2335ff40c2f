"""The finished model as an ordinary Hugging Face folder, with a record of its making."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tests.pretraining.corpus import END, PAD, stream_documents
from tests.pretraining.recipe import Recipe

SAMPLED_DOCUMENTS = 2000


def export_model(
    model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, *, name: str = "small-model"
) -> None:
    """Write weights (bf16), configurations and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=model.config.max_position_embeddings,
        clean_up_tokenization_spaces=False,
    )
    model.generation_config = GenerationConfig(
        eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id, do_sample=False
    )
    model.config.name_or_path = name
    model.bfloat16()
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    _name_tokenizer_class(folder / "tokenizer_config.json")
    # safetensors creates files that only their owner may read.
    (folder / "model.safetensors").chmod(0o644)


def write_provenance(folder: Path, recipe: Recipe, progress: dict[str, Any]) -> None:
    """Write PROVENANCE.json: what the weights were made from, by what and how long it took."""
    fields = {
        "recipe": asdict(recipe),
        "corpus_seed": recipe.seed,
        "corpus_sha256": hash_corpus(recipe),
        "corpus_sha256_of": f"the first {SAMPLED_DOCUMENTS} documents",
        "script_sha256": hash_scripts(),
        "weights_sha256": hash_file(folder / "model.safetensors"),
        "steps": progress["step"],
        "tokens_seen": progress["tokens"],
        "minutes": round(progress["seconds"] / 60, 1),
        "torch_version": torch.__version__,
    }
    text = json.dumps(fields, indent=2) + "\n"
    (folder / "PROVENANCE.json").write_text(text, encoding="utf-8")


def _name_tokenizer_class(path: Path) -> None:
    """Name the class that every release of transformers knows."""
    fields = json.loads(path.read_text("utf-8"))
    fields["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def hash_corpus(recipe: Recipe) -> str:
    """Return SHA-256 over the first documents of the corpus, which shows whether it is the same."""
    digest = hashlib.sha256()
    for document in islice(stream_documents(f"{recipe.seed}:0"), SAMPLED_DOCUMENTS):
        digest.update("".join(text for text, _ in document).encode())
    return digest.hexdigest()


def hash_scripts() -> str:
    """Return SHA-256 over the Python files of this folder."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """Return SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
