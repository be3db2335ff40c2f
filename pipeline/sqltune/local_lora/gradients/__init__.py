"""The loss and the gradient of one optimizer step.

`adapter_gradients` chooses between two ways: `packed_llama` where the architecture is known,
`padded_loss` everywhere else.
"""

from __future__ import annotations
