"""The local backend: LoRA on this machine."""

from __future__ import annotations
