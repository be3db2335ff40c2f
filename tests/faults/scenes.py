"""What happens to one adapter over its life, scene by scene; the last ones need the earlier ones.

To add a scene: what people do before, the command, and what is run again after a kill where that
is not the same command. A kill at every point of it is then tried automatically.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.hooks import Hit
from tests.faults.worlds import LAST_RUN, SYNC, Command, World

FIND_ORPHANS: Command = ("gc", "--grace-seconds", "0")
REMOVE_OWN_ORPHANS: Command = (*FIND_ORPHANS, "--remove")
REMOVE_ORPHANS: Command = (*REMOVE_OWN_ORPHANS, "--unknown-runs")
RESUME: Command = ("resume", LAST_RUN)
#: One key for two rows, so that one of them is left out.
KEYED = (
    "SELECT COALESCE(group_key, prompt) AS sample_key, prompt, response"
    " FROM training_samples WHERE dataset = 'office' ORDER BY sample_id"
)


@dataclass(frozen=True)
class Scene:
    """One command, and what leads to it."""

    name: str
    prepare: Callable[[World], None]
    command: Command = SYNC
    after_kill: tuple[Command, ...] = (SYNC,)
    #: Whether the command, given again, repeats what is not lost: its events come twice then.
    repeats_events: bool = False

    def play(self, world: World) -> tuple[Hit, ...]:
        """Play it undisturbed, and return what it passed."""
        self.prepare(world)
        return world.run_to_end(*world.fill(self.command)).hits


def declare(world: World) -> None:
    """Declare an adapter with six samples and four prompts.

    Two samples have one key, one sample and one prompt are empty.
    """
    world.play(max_tokens=64)
    with world.people() as people:
        people.declare(
            "office",
            training_query=KEYED,
            on_bad_row="skip",
            max_skipped_share=0.9,
            min_gain=0.0,
        )
        people.teach("office", "Where is room 0?", "Room 0 is upstairs.", group_key="same")
        people.teach("office", "What is in room 0?", "In room 0 are chairs.", group_key="same")
        people.teach("office", "What is room 1?", "Room 1 is red. " * 12)
        people.teach("office", "What is room 2?", "Room 2 is blue.")
        people.teach("office", "What is room 3?", "Room 2 is blue.")
        people.teach("office", "What is room 4?", "")
        for number in (1, 2):
            people.ask("office", f"What is room {number}?", f"Room {number} is blue.")
        people.ask("office", "What is the time?")
        people.ask("office", " ", "An empty prompt is a bad row.")


def improve(world: World) -> None:
    """Write another response, and a request for an alias."""
    with world.people() as people:
        people.do(
            "UPDATE training_samples SET response = 'Room 1 is blue.'"
            " WHERE prompt = 'What is room 1?'"
        )
        people.insert("alias_changes", adapter_name="office", alias="first", version_number=1)
        people.insert("alias_changes", adapter_name="office", alias="none", version_number=7)


def ask_questions(world: World) -> None:
    """Ask the live version, an unknown adapter, and what a runner left that died."""
    with world.people() as people:
        for number in (1, 2, 3):
            people.insert("questions", adapter_name="office", prompt=f"What is room {number}?")
        people.insert("questions", adapter_name="unknown", prompt="What is room 1?")
        people.do(
            "UPDATE questions SET state = 'answering', claimed_by = 'gone',"
            " claim_expires_at = '2020-01-01 00:00:00.000000' WHERE prompt = 'What is room 3?'"
        )


def break_answers(world: World) -> None:
    """Ask while the service is out of order."""
    world.play(faults=[{"at": "answer", "kind": "raise"}])
    with world.people() as people:
        people.insert("questions", adapter_name="office", prompt="What is room 2?")


def expect_otherwise(world: World) -> None:
    """Write another expected answer, for which nothing is trained; the service works again."""
    world.play()
    with world.people() as people:
        people.do("UPDATE eval_prompts SET expected = 'blue' WHERE prompt = 'What is room 2?'")


def spoil(world: World) -> None:
    """Write a response that is worse than the one before."""
    with world.people() as people:
        people.do(
            "UPDATE training_samples SET response = 'This is not known.'"
            " WHERE prompt = 'What is room 1?'"
        )


def repeat_samples(world: World) -> None:
    """Write one more bad row, so that the samples that can be trained stay what they were."""
    with world.people() as people:
        people.teach("office", "What is room 5?", "")


def forbid_bad_rows(world: World) -> None:
    """Refuse bad rows from now on."""
    with world.people() as people:
        people.do("UPDATE adapters SET on_bad_row = 'stop'")
        people.teach("office", "What is room 6?", "Room 6 is new.")


def break_training(world: World) -> None:
    """Accept bad rows again, and let the service fail."""
    world.play(faults=[{"at": "step", "number": 2}])
    with world.people() as people:
        people.do("UPDATE adapters SET on_bad_row = 'skip'")


def repair_training(world: World) -> None:
    """Let the service work again, except for one prompt; and let one score fail."""
    world.play(faults=[{"at": "answer", "prompt": "What is the time?"}])
    with world.people() as people:
        people.do(
            "UPDATE eval_prompts SET scorer = 'regex', expected = '('"
            " WHERE prompt = 'What is room 2?'"
        )


def repair_answers(world: World) -> None:
    """Let all prompts be answered."""
    world.play()


def lose_weights(world: World) -> None:
    """Remove the weights of the live version, and write something new."""
    with world.people() as people:
        key = people.value(
            "SELECT v.external_id FROM aliases a JOIN adapter_versions v"
            " ON v.adapter_name = a.adapter_name AND v.version_number = a.version_number"
            " WHERE a.alias = 'live'"
        )
        people.teach("office", "What is room 7?", "Room 7 is green.")
        people.ask("office", "What is room 7?", "Room 7 is green.")
    (world.stage.folder / "artifacts" / "scripted" / f"{key}.jsonl").unlink()


def refuse(world: World) -> None:
    """Write a query that is not one, so that no run can begin."""
    with world.people() as people:
        people.do("UPDATE adapters SET eval_query = 'DELETE FROM eval_prompts'")


def kill_after_training(world: World) -> None:
    """Kill a run when its training is over but not recorded, and write an unknown desired state."""
    with world.people() as people:
        people.teach("office", "What is room 8?", "Room 8 is white.")
    world.kill(Hit("replace", "after"))
    with world.people() as people:
        people.do("UPDATE runs SET desired_state = 'quickly' WHERE finished_at IS NULL")


def kill_in_training(world: World) -> None:
    """Kill a run after its first step, for `cancel`."""
    with world.people() as people:
        people.teach("office", "What is room 9?", "Room 9 is black.")
    world.kill(Hit("record", "after"))


def find_orphans(world: World) -> None:
    """Find what a failed training left, of which a part is gone by now."""
    folder = world.stage.folder / "artifacts" / "scripted"
    gone = folder / f"stranger-{'0' * 32}.jsonl"
    gone.write_text("{}", encoding="utf-8")
    world.run_to_end(*FIND_ORPHANS)
    gone.unlink()


def ask_by_rows(world: World) -> None:
    """Ask for a run that is not needed, for one of an unknown adapter and for its alias, and leave
    a run of it that cannot be resumed.
    """
    with world.people() as people:
        people.do("UPDATE adapters SET eval_query = NULL")
    world.run_to_end(*SYNC)
    with world.people() as people:
        people.insert("alias_changes", adapter_name="unknown", version_number=1)
        people.insert("runs", adapter_name="unknown")
        people.insert("runs", adapter_name="unknown", run_key="made-up", state="stopped")
        people.insert("runs", adapter_name="office")


def ask_for_a_trial(world: World) -> None:
    """Ask for a run with another base model, and the manifest of an earlier run."""
    with world.people() as people:
        first = people.value("SELECT MIN(manifest_id) FROM manifests")
        people.insert("runs", adapter_name="office", base_model="other", manifest_id=first)


def pause(world: World) -> None:
    """Kill a run as its training begins, and pause it."""
    with world.people() as people:
        people.teach("office", "What is room 10?", "Room 10 is grey.")
    world.kill(Hit("intend", "after"))
    with world.people() as people:
        people.do("UPDATE runs SET desired_state = 'paused' WHERE finished_at IS NULL")


def interrupt_training(world: World) -> None:
    """Interrupt a training, as a signal does."""
    world.play(faults=[{"at": "train", "code": "run_interrupted"}])
    with world.people() as people:
        people.teach("office", "What is room 11?", "Room 11 is brown.")


def keep_epochs(world: World) -> None:
    """End the interrupted run; set samples apart for validation, keep epochs, and stop early."""
    world.play(eval_losses=[1.0, 2.0])
    world.run_to_end(*SYNC)
    with world.people() as people:
        people.do(
            "UPDATE adapters SET validation_share = 0.5, early_stop_patience = 1, epochs = 3,"
            " keep_epochs = 1"
        )


def ask_for_an_epoch(world: World) -> None:
    """Ask for a version of the last epoch that was kept."""
    with world.people() as people:
        (kept,) = people.rows(
            "SELECT run_id, epoch FROM kept_epochs ORDER BY run_id DESC, epoch DESC LIMIT 1"
        )
        people.insert("runs", adapter_name="office", from_run_id=kept[0], from_epoch=kept[1])


def predict_rows(world: World) -> None:
    """Let what is live answer rows: two with one key, an empty one, and one whose answer fails.

    Once a day: the next sync would try the failed one again.
    """
    world.play(faults=[{"at": "answer", "prompt": "What is room 4?"}])
    with world.people() as people:
        people.do(
            "UPDATE adapters SET prediction_query = 'SELECT COALESCE(group_key, prompt) AS row_key,"
            " prompt FROM training_samples', predict_every = '1d'"
        )
        people.teach("office", " ", "An empty prompt is a bad row.")


def predict_all_rows(world: World) -> None:
    """Let the row be answered whose answer failed, so that none is left to ask."""
    world.play()
    with world.people() as people:
        people.do("UPDATE adapters SET predict_every = NULL")
    world.run_to_end(*SYNC)


def nothing(_world: World) -> None:
    """Do nothing."""


SCENES = (
    Scene("first_version", declare),
    Scene("second_version", improve),
    Scene("nothing_to_do", nothing),
    Scene("questions", ask_questions),
    Scene("questions_that_wait", break_answers),
    Scene("only_evaluation", expect_otherwise),
    Scene("refused_by_the_gate", spoil),
    Scene("same_samples", repeat_samples),
    Scene("bad_rows", forbid_bad_rows),
    Scene("failing_training", break_training),
    Scene("orphans", find_orphans, REMOVE_ORPHANS, (REMOVE_ORPHANS,)),
    Scene("failing_answers", repair_training),
    Scene(
        "retry",
        repair_answers,
        ("retry", LAST_RUN, "--failed"),
        (SYNC, ("retry", LAST_RUN, "--failed")),
        repeats_events=True,
    ),
    Scene("lost_weights", lose_weights),
    Scene("refusal", refuse),
    Scene("requests", ask_by_rows),
    Scene("trial", ask_for_a_trial),
    Scene("killed", kill_after_training),
    Scene("paused", pause),
    Scene("resume", nothing, RESUME, (RESUME,)),
    Scene("resumed", nothing),
    Scene("cancel", kill_in_training, ("cancel", LAST_RUN), (("cancel", LAST_RUN), SYNC)),
    Scene("interrupted", interrupt_training),
    Scene("kept_epochs", keep_epochs),
    Scene("trial_of_an_epoch", ask_for_an_epoch),
    Scene("predictions", predict_rows),
    Scene("nothing_to_predict", predict_all_rows),
)
