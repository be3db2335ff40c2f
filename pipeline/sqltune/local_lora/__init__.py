"""LoRA on the user's own machine: the only folder that imports torch, transformers and peft.

Nothing is imported here, so that a command which needs no model stays quick. `loading` loads a base
model, `training` tunes it, `answering` asks it, `adapters` stores what was learnt.
"""

from __future__ import annotations
