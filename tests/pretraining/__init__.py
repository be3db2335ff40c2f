"""How the small base model of the tests is made: invented corpus, tokenizer, pretraining."""

from __future__ import annotations
