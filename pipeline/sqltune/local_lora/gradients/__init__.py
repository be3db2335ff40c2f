"""The loss and gradient of one optimizer step, packed where the architecture is known."""

from __future__ import annotations
