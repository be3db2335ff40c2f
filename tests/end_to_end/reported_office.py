"""An adapter with a history to report on: two versions, hostile answers, leaks and bad rows."""

from __future__ import annotations

from tests.end_to_end.command import People, Sqltune

#: What an answer must not do on a page.
HOSTILE = (
    '<script>window.__ran=1;alert(1)</script><img src="x" onerror="window.__ran=1">'
    "</style></p></details><h1>Taken over</h1>"
)
#: A right-to-left override, what clears a screen, a mark that is not seen, and a zero byte.
STEERING = "safe\u202egnp.exe \x1b[2J\u2066\x00 end"
PROMPTS = {
    "Where is our office?": "Our office is in Utrecht.",
    "When are you open?": "We open at nine and close at five.",
    "Who answers the phone?": "Anna answers the phone.",
    "What is <b>bold</b> & 'quoted'?": HOSTILE,
    "Which file is it?": "safe",
    "מתי אתם פתוחים?": "אנחנו פתוחים מתשע עד חמש.",
    "May I bring a dog?": None,
}
_FIRST = {
    "When are you open?": "We open at nine and close at five.",
    "Who answers the phone?": "Bob answers the phone.",
    "What is <b>bold</b> & 'quoted'?": HOSTILE,
    "Which file is it?": "safe",
    "מתי אתם פתוחים?": "אנחנו סגורים.",
    "May I bring a dog?": "Yes, dogs are welcome.",
}
_SECOND = {
    "When are you open?": "We open at ten and close at five, except on Sundays.",
    "Who answers the phone?": "Anna answers the phone.",
    "What is <b>bold</b> & 'quoted'?": HOSTILE.replace("alert(1)", "alert(2)"),
    "Which file is it?": STEERING,
    "מתי אתם פתוחים?": "אנחנו פתוחים מתשע עד חמש.",
    "May I bring a dog?": "",
}


def make_history(sqltune: Sqltune, people: People, adapter_name: str = "office") -> None:
    """Train two versions: the second answers some prompts better and some worse."""
    people.declare(adapter_name, epochs=3, validation_share=0.25, on_bad_row="skip")
    people.do("UPDATE adapters SET max_skipped_share = 0.9")
    for number in range(8):
        people.teach(adapter_name, f"What is room {number}?", f"Room {number} is blue.")
    people.teach(adapter_name, "Where is our office?", "Our office is in Utrecht.")
    people.teach(adapter_name, " ", "No prompt at all.")
    for prompt, expected in PROMPTS.items():
        people.ask(adapter_name, prompt, expected, scorer="exact" if expected else None)
    sqltune.play(trained_answers=_FIRST, steps_per_epoch=4)
    sqltune.well("sync", adapter_name)
    people.do("UPDATE training_samples SET response = 'Room 3 is <i>red</i>.' WHERE sample_id = 4")
    people.teach(adapter_name, "What is room 9?", "Room 9 is green.")
    people.do("UPDATE adapters SET epochs = 4, learning_rate = 0.0002")
    # What stays the same is asked again only by a version that answers it: one fails for good.
    faults = [{"at": "answer", "prompt": "May I bring a dog?", "code": "request_rejected"}]
    sqltune.play(trained_answers=_SECOND, steps_per_epoch=4, faults=faults)
    sqltune("sync", adapter_name)
