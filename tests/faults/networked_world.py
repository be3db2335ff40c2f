"""The command, and a service at the other end of a faulty network: disturbed, and compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.backends.gradient_cases import served_adapters
from tests.end_to_end.command import People
from tests.faults.hooks import Hit
from tests.faults.outcome import Outcome, compare_outcomes
from tests.faults.scenes import REMOVE_OWN_ORPHANS
from tests.faults.service_runs import begin, read_service_end
from tests.faults.worlds import SYNC, Passed, World
from tests.faulty_network import FaultyNetwork, NetworkFaults
from tests.serving import SLUG, ServerAtWork

#: Of each call, how its first line begins, and what is in the piece that ends its request.
CALLS = {
    "list_models": (b"GET /api/models?", b"GET /api/models?"),
    "find_adapter": (b"GET /api/models/", b"GET /api/models/"),
    "create_adapter": (b"POST /api/models HTTP", b'"baseModelId"'),
    "fine_tune": (b"/fine-tune HTTP", b'"samples"'),
    "complete": (b"/complete HTTP", b'"query"'),
    "delete_adapter": (b"DELETE /api/models/", b"DELETE /api/models/"),
}
#: Calls that change more when they are repeated; how often the others are sent depends on chance.
WRITES = ("create_adapter", "fine_tune")
#: Two batches, each of its own length: the number of its tokens shows which one was trained.
TEXTS = {
    "Who?": "A.",
    "What is room 2?": "Room 2 is blue.",
    "Name a colour, please.": "Blue, as the sky is on a fine day.",
    "Why not red?": "It was red once, and that was not liked.",
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
class NetworkedWorld:
    """A database with one adapter never synced, the command, a service, and a network between."""

    world: World
    impatient: World  #: the same command, which waits a moment for a reply
    service: ServerAtWork
    network: FaultyNetwork
    saved: object

    def begin(self, first: Hit | None) -> None:
        """Begin again; with a hit, with a run that was killed there."""
        self.network.faults = NetworkFaults()
        begin(self.world, self.saved, first)

    def sync(self, faults: NetworkFaults, *, is_impatient: bool = False) -> Passed:
        """Sync over a network with faults, until the command ends."""
        world = self.impatient if is_impatient else self.world
        faults.counted = tuple(line for line, _ in CALLS.values())
        self.network.faults = faults
        passed = world.run_to_end(*SYNC)
        self.network.faults = NetworkFaults()
        return passed

    def sync_again(self) -> None:
        """Sync again where no run succeeded, and remove what a failed one left at the service."""
        with self.world.people() as people:
            has_ended = people.rows("SELECT state FROM runs") == [("succeeded",)]
        if not has_ended:
            self.world.recover([SYNC, REMOVE_OWN_ORPHANS])

    def read(self) -> Outcome:
        """Return the rows here, and the adapters, the trainings and the weights at the service."""
        with self.world.people() as people:
            end: Outcome = {name: people.rows(query) for name, query in RESULTS.items()}
            adapter_id = people.value("SELECT external_id FROM adapter_versions")
            runs = people.rows("SELECT run_key FROM runs")
        end["the weights"] = [self._digest(adapter_id)]
        end["left at the service"] = self._find_active([key for (key,) in runs], adapter_id)
        if len(runs) == 1:
            end |= read_service_end(self.world, self.service)
            # They contain how long the command waits for a reply.
            del end["runs"][0]["settings"]
        return end

    def compare(self, expected: Outcome) -> list[str]:
        """Return in what the present end differs from the undisturbed one."""
        found = self.read()
        return compare_outcomes({part: expected[part] for part in found}, found)

    def _find_active(self, run_keys: Sequence[str], adapter_id: str) -> list[str]:
        """Return what the runs left at the service besides the adapter of the version."""
        return [
            found
            for key in run_keys
            for found, state in served_adapters(self.service, key)
            if state == "active" and found != adapter_id
        ]

    def _digest(self, adapter_id: str) -> str:
        """Return a hash of weights and optimizer, without the header, whose order is by chance."""
        # Imported here: collecting this module does not need torch.
        from sqltune.local_lora.checkpoints import CHECKPOINT_FILE

        file = self.service.artifacts / "served" / adapter_id / CHECKPOINT_FILE
        content = file.read_bytes()
        header = int.from_bytes(content[:8], "little")
        return hashlib.sha256(content[8 + header :]).hexdigest()


def count_calls(faults: NetworkFaults) -> Counter[str]:
    """Return how often each call was sent."""
    return Counter({call: faults.counts[line] for call, (line, _) in CALLS.items()})


def count_writes(faults: NetworkFaults) -> Counter[str]:
    """Return how often each call was sent that must not be repeated for nothing."""
    counts = count_calls(faults)
    return Counter({call: counts[call] for call in WRITES})


def declare_served(people: People) -> None:
    """Declare an adapter with two batches, which learns fast enough to answer otherwise."""
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
