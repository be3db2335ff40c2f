"""LoRA on the user's own machine: the only folder that imports torch, transformers and peft.

None of these is imported here, so that a command without a model starts quickly. `loading` loads a
base model, `training` tunes it, `answering` asks it, `adapters` stores what was learnt.
"""

from __future__ import annotations

import warnings

# transformers imports a progress bar for notebooks, which warns if ipywidgets is missing. None of
# its bars is shown here.
warnings.filterwarnings("ignore", message="IProgress not found")
