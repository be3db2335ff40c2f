"""The command, and a service at the other end of a network that lies: disturbed, and compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.backends.gradient_cases import served_adapters
from tests.end_to_end.command import People
from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome, compare_outcomes
from tests.faults.scenes import LOOK_FOR_ORPHANS, SYNC
from tests.faults.test_gradient import play_until, read_end
from tests.faults.worlds import Passed, World
from tests.lying_network import Lies, LyingNetwork
from tests.serving import SLUG, ServerAtWork

#: Of each call, how its first line begins, and what stands in the piece that ends its request.
CALLS = {
    "list_models": (b"GET /api/models?", b"GET /api/models?"),
    "find_adapter": (b"GET /api/models/", b"GET /api/models/"),
    "create_adapter": (b"POST /api/models HTTP", b'"baseModelId"'),
    "fine_tune": (b"/fine-tune HTTP", b'"samples"'),
    "complete": (b"/complete HTTP", b'"query"'),
    "delete_adapter": (b"DELETE /api/models/", b"DELETE /api/models/"),
}
REMOVE_OWN_ORPHANS = (*LOOK_FOR_ORPHANS, "--remove")
#: Two batches, each of its own length: the number of its tokens tells which one was trained.
TEXTS = {
    "Who?": "A.",
    "What is room 2?": "Room 2 is blue.",
    "Name a colour, please.": "Blue, as the sky is on a fine day.",
    "Why not red?": "It was red once, and nobody liked that.",
}
#: What must not depend on what went wrong, also where a run failed and the next one succeeded.
RESULTS = {
    "the run": "SELECT state, prompts_selected, responses_stored, is_stuck FROM runs"
    " WHERE state <> 'failed'",
    "the answers": "SELECT prompt_key, phase, response FROM responses JOIN runs USING (run_id)"
    " WHERE state = 'succeeded' ORDER BY 1, 2",
    "the scores": "SELECT prompt_key, phase, scorer, score FROM scores JOIN runs USING (run_id)"
    " WHERE state = 'succeeded' ORDER BY 1, 2, 3",
    "the steps": "SELECT step, tokens_seen, train_loss FROM training_metrics"
    " JOIN adapter_versions USING (run_id) ORDER BY 1",
    "the version": "SELECT version_number, state, is_latest, sample_count, final_train_loss"
    " FROM adapter_versions",
    "its samples": "SELECT position, content_hash FROM manifest_samples"
    " JOIN adapter_versions USING (manifest_id) ORDER BY 1",
    "the moves": "SELECT alias, old_version, new_version FROM alias_history ORDER BY move_number",
    "the lease": "SELECT lease_owner FROM adapter_states",
    "calls in doubt": "SELECT call_kind, c.state FROM backend_calls c JOIN runs USING (run_id)"
    " WHERE c.state NOT IN ('done', 'failed') AND runs.state = 'succeeded'",
}


@dataclass
class FarWorld:
    """A database with one adapter never synced, the command, a service, and what lies between."""

    world: World
    impatient: World  #: the same command, which waits for replies a moment only
    service: ServerAtWork
    network: LyingNetwork
    saved: object

    def begin(self, first: Hit | None) -> None:
        """Begin anew; with a hit, with a run that was killed there."""
        self.network.lies = Lies()
        play_until(self.world, self.saved, first)

    def sync(self, lies: Lies, *, is_impatient: bool = False) -> Passed:
        """Sync over a network that lies, until the command ends."""
        world = self.impatient if is_impatient else self.world
        lies.counted = tuple(line for line, _ in CALLS.values())
        self.network.lies = lies
        passed = world.well(*SYNC)
        self.network.lies = Lies()
        return passed

    def sync_on(self) -> None:
        """Sync again where a run failed, and remove what this left at the service."""
        with self.world.people() as people:
            has_failed = people.count("runs", "state <> 'succeeded'") > 0
        if has_failed:
            self.world.recover([SYNC, REMOVE_OWN_ORPHANS])

    def read(self) -> Outcome:
        """Give the rows here, and the adapters, the trainings and the weights at the service."""
        with self.world.people() as people:
            end: Outcome = {name: people.rows(query) for name, query in RESULTS.items()}
            adapter_id = people.value("SELECT external_id FROM adapter_versions")
            runs = people.rows("SELECT run_key FROM runs")
        end["the weights"] = [self._digest(adapter_id)]
        end["left at the service"] = self._find_active([key for (key,) in runs], adapter_id)
        if len(runs) == 1:
            end |= read_end(self.world, self.service)
        return end

    def compare(self, expected: Outcome) -> list[str]:
        """Say in what the end that there is now differs from the undisturbed one."""
        found = self.read()
        return compare_outcomes({part: expected[part] for part in found}, found)

    def _find_active(self, run_keys: Sequence[str], adapter_id: str) -> list[str]:
        """Give what the runs left at the service but the adapter of the version."""
        return [
            found
            for key in run_keys
            for found, state in served_adapters(self.service, key)
            if state == "active" and found != adapter_id
        ]

    def _digest(self, adapter_id: str) -> str:
        """Give a hash of weights and optimizer, without the header, whose order is by chance."""
        # Imported here: whoever only collects this module does not need torch.
        from sqltune.local_lora.checkpoints import CHECKPOINT_FILE

        file = self.service.artifacts / "served" / adapter_id / CHECKPOINT_FILE
        content = file.read_bytes()
        header = int.from_bytes(content[:8], "little")
        return hashlib.sha256(content[8 + header :]).hexdigest()


def count_calls(lies: Lies) -> Counter[str]:
    """Give how often each call was sent."""
    return Counter({call: lies.counts[line] for call, (line, _) in CALLS.items()})


def declare_served(people: People) -> None:
    """An adapter with two batches, which learns fast enough to answer otherwise."""
    people.declare(
        "served",
        backend="gradient",
        base_model=SLUG,
        batch_size=2,
        learning_rate=0.0008,
        max_new_tokens=4,
    )
    for prompt, response in TEXTS.items():
        people.teach("served", prompt, response)
    people.ask("served", "Who?", "A.")
