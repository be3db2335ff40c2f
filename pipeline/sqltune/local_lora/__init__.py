"""LoRA on the user's own machine: the only folder that imports torch, transformers and peft.

None of these is imported here, so that a command without a model starts quickly. `loading` loads a
base model, `training` tunes it, `answering` asks it, `adapters` stores what was learnt.
"""

from __future__ import annotations

import logging
import os
import warnings

# Torch's threads spin while they wait for each other, which on cores that other processes use makes
# a step many times slower; without any spinning, waking them makes it slower on idle cores. So
# they spin briefly. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# transformers imports a progress bar for notebooks, which warns if ipywidgets is missing. None of
# its bars is shown here.
warnings.filterwarnings("ignore", message="IProgress not found")

# bitsandbytes, which peft imports where it is installed, recommends a package that downloads
# kernels, and reports each cast to its own number format.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
