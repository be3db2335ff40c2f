"""How the embedded base model is made: invented corpus, tokenizer, pretraining."""

from __future__ import annotations
