"""The small pretrained base model of the tests, which they name as people name models of theirs.

It lies in `tests/pretraining/small_model`, beside the scripts that made it, and answers in seconds
what takes an ordinary model minutes. Nothing in the package knows it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

SMALL_MODEL = Path(__file__).parent / "pretraining" / "small_model"
#: What a command needs to load it by its path.
ENVIRONMENT = {"SQLTUNE_BASE_MODEL_FOLDERS": str(SMALL_MODEL.parent), "SQLTUNE_THREADS": "1"}
#: The base model of the demo, of the notebooks and of the documents.
SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct"
_COMMIT = "5" * 40


def fill_hub_cache(folder: Path, model: Path = SMALL_MODEL, commit: str = _COMMIT) -> Path:
    """Lay a model out as the Hub's client would lay out SmolLM2; return the snapshot's folder.

    A command with HF_HUB_CACHE set to `folder` then takes it for SmolLM2: rows and documents name
    a real base model, and their tests do not wait for it.
    """
    repository = folder / f"models--{SMOLLM2.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return Path(shutil.copytree(model, repository / "snapshots" / commit))
