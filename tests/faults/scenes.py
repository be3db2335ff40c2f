"""What happens to one adapter over its life, scene by scene; the last ones need the earlier ones.

To add a scene: what people do before, the command, and what is run again after a kill where that
is not the same command. A kill at every point of it is then tried by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.hooks import Hit
from tests.faults.worlds import KILLED, World

Command = tuple[str, ...]
SYNC: Command = ("sync",)
#: A word of a command that stands for the id of the adapter's last run.
LAST_RUN = "LAST"
LOOK_FOR_ORPHANS: Command = ("gc", "--grace-seconds", "0")
REMOVE_ORPHANS: Command = (*LOOK_FOR_ORPHANS, "--remove", "--unknown-runs")
RELEASE: Command = ("resume", LAST_RUN)
#: One key for two rows, so that one of them is taken out.
KEYED = (
    "SELECT COALESCE(group_key, prompt) AS sample_key, prompt, response"
    " FROM training_samples WHERE dataset = 'office' ORDER BY sample_id"
)


@dataclass(frozen=True)
class Scene:
    """One command at work, and what leads to it."""

    name: str
    prepare: Callable[[World], None]
    command: Command = SYNC
    after_kill: tuple[Command, ...] = (SYNC,)
    #: Whether the command, given again, does again what is not lost: its events come twice then.
    repeats_events: bool = False


def declare(world: World) -> None:
    """An adapter with six samples, one of them twice under one key and one empty, and prompts."""
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
    """Another response, and a request for an alias."""
    with world.people() as people:
        people.do(
            "UPDATE training_samples SET response = 'Room 1 is blue.'"
            " WHERE prompt = 'What is room 1?'"
        )
        people.insert("alias_changes", adapter_name="office", alias="first", version_number=1)
        people.insert("alias_changes", adapter_name="office", alias="none", version_number=7)


def expect_otherwise(world: World) -> None:
    """Another expected answer: nothing is trained."""
    with world.people() as people:
        people.do("UPDATE eval_prompts SET expected = 'blue' WHERE prompt = 'What is room 2?'")


def spoil(world: World) -> None:
    """A response that is worse than the one before."""
    with world.people() as people:
        people.do(
            "UPDATE training_samples SET response = 'Nobody knows.'"
            " WHERE prompt = 'What is room 1?'"
        )


def repeat_samples(world: World) -> None:
    """One more bad row: what may be trained on is what it was."""
    with world.people() as people:
        people.teach("office", "What is room 5?", "")


def forbid_bad_rows(world: World) -> None:
    """Bad rows are refused from now on."""
    with world.people() as people:
        people.do("UPDATE adapters SET on_bad_row = 'stop'")
        people.teach("office", "What is room 6?", "Room 6 is new.")


def break_training(world: World) -> None:
    """Good rows alone, and a service that fails."""
    world.play(faults=[{"at": "step", "number": 2}])
    with world.people() as people:
        people.do("UPDATE adapters SET on_bad_row = 'skip'")


def mend_training(world: World) -> None:
    """The service works again, but not for one prompt; and one score goes wrong."""
    world.play(faults=[{"at": "answer", "prompt": "What is the time?"}])
    with world.people() as people:
        people.do(
            "UPDATE eval_prompts SET scorer = 'regex', expected = '('"
            " WHERE prompt = 'What is room 2?'"
        )


def mend_answers(world: World) -> None:
    """All prompts can be answered."""
    world.play()


def lose_weights(world: World) -> None:
    """The live version's weights are gone, and there is something new."""
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
    """A query that is not one; no run can begin."""
    with world.people() as people:
        people.do("UPDATE adapters SET eval_query = 'DELETE FROM eval_prompts'")


def break_off(world: World) -> None:
    """A run that a dead runner left when its training was over, but not told; and an odd wish."""
    with world.people() as people:
        people.teach("office", "What is room 8?", "Room 8 is white.")
    leave_behind(
        world, Hit("backends.scripted.training.ScriptedTraining._finish: replace", "after")
    )
    with world.people() as people:
        people.do("UPDATE runs SET desired_state = 'quickly' WHERE finished_at IS NULL")


def stop_halfway(world: World) -> None:
    """A run that a dead runner left in its training, for `cancel`."""
    with world.people() as people:
        people.teach("office", "What is room 9?", "Room 9 is black.")
    leave_behind(world, Hit("run.journal.RunJournal.record", "after"))


def leave_behind(world: World, target: Hit) -> None:
    """Kill a run there; its lease is over."""
    assert world.run(*SYNC, target=target).code == KILLED
    world.recover(())


def look_for_orphans(world: World) -> None:
    """What a failed training left was found, and of what was found a part is gone already."""
    folder = world.stage.folder / "artifacts" / "scripted"
    gone = folder / f"somebody-{'0' * 32}.jsonl"
    gone.write_text("{}", encoding="utf-8")
    world.well(*LOOK_FOR_ORPHANS)
    gone.unlink()


def ask_by_rows(world: World) -> None:
    """A request that needs no run, one that nobody can meet, one for an alias of nobody, and a run
    that nobody can go on with.
    """
    with world.people() as people:
        people.do("UPDATE adapters SET eval_query = NULL")
    world.well(*SYNC)
    with world.people() as people:
        people.insert("alias_changes", adapter_name="nobody", version_number=1)
        people.insert("runs", adapter_name="nobody")
        people.insert("runs", adapter_name="nobody", run_key="made-up", state="stopped")
        people.insert("runs", adapter_name="office")


def ask_for_a_trial(world: World) -> None:
    """A request with another base model, and the manifest of an earlier run."""
    with world.people() as people:
        first = people.value("SELECT MIN(manifest_id) FROM manifests")
        people.insert("runs", adapter_name="office", base_model="other", manifest_id=first)


def hold(world: World) -> None:
    """A run that a dead runner left, and that a person wants to be held."""
    with world.people() as people:
        people.teach("office", "What is room 10?", "Room 10 is grey.")
    leave_behind(world, Hit("run.journal.RunJournal.intend", "after"))
    with world.people() as people:
        people.do("UPDATE runs SET desired_state = 'paused' WHERE finished_at IS NULL")


def nothing(_world: World) -> None:
    """Nothing."""


SCENES = (
    Scene("first_version", declare),
    Scene("second_version", improve),
    Scene("nothing_to_do", nothing),
    Scene("only_evaluation", expect_otherwise),
    Scene("refused_by_the_gate", spoil),
    Scene("same_samples", repeat_samples),
    Scene("bad_rows", forbid_bad_rows),
    Scene("failing_training", break_training),
    Scene("orphans", look_for_orphans, REMOVE_ORPHANS, (REMOVE_ORPHANS,)),
    Scene("failing_answers", mend_training),
    Scene(
        "retry",
        mend_answers,
        ("retry", LAST_RUN, "--failed"),
        (SYNC, ("retry", LAST_RUN, "--failed")),
        repeats_events=True,
    ),
    Scene("lost_weights", lose_weights),
    Scene("refusal", refuse),
    Scene("requests", ask_by_rows),
    Scene("trial", ask_for_a_trial),
    Scene("resumed", break_off),
    Scene("held", hold),
    Scene("resume", nothing, RELEASE, (RELEASE,)),
    Scene("released", nothing),
    Scene("cancel", stop_halfway, ("cancel", LAST_RUN), (("cancel", LAST_RUN), SYNC)),
)
