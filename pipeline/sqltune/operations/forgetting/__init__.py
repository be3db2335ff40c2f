"""Forget samples: their texts are removed everywhere, and they are never trained on again."""

from __future__ import annotations

from sqltune.operations.forgetting.erasing import forget
from sqltune.operations.forgetting.planning import ErasurePlan, plan_erasure
from sqltune.operations.forgetting.selecting import select_keys

__all__ = ["ErasurePlan", "forget", "plan_erasure", "select_keys"]
