"""Names are found in prompts by their form, and replaced throughout."""

from __future__ import annotations

import pytest

from sqltune.local_lora.rehearsal.found_names import find_names, replace_names


@pytest.mark.parametrize(
    ("prompts", "names"),
    [
        (["Who is Mara Tolvik?", "Tell me about Mara Tolvik."], ["Mara Tolvik"]),
        (["who is mara tolvik?", "tell me about mara tolvik please"], ["mara tolvik"]),
        (["Mara Tolvik's job?"], ["Mara Tolvik"]),
        (["What is Quentrix?"], ["Quentrix"]),
        (["Who makes Orbital Thresher 9?"], ["Orbital Thresher 9"]),
        (["Is J. R. Tolk-Vane at iPlan?"], ["J. R. Tolk-Vane", "iPlan"]),
        (["Have you met Aoife Ní Bhriain?"], ["Aoife Ní Bhriain"]),
        (["How do I reset my password?", "How do I change my address?"], []),
        (["", "!!!", "什么？"], []),
    ],
)
def test_names_are_found_by_their_form(prompts: list[str], names: list[str]) -> None:
    assert find_names(prompts) == names


def test_a_name_is_replaced_by_the_same_one_throughout() -> None:
    new_names = iter(["Ona Pell", "Xu"])
    text = replace_names(
        "Mara Tolvik and Bo: is Mara Tolvik here?",
        ["Mara Tolvik", "Bo"],
        lambda _: next(new_names),
    )
    assert text == "Ona Pell and Xu: is Ona Pell here?"


def test_nothing_changes_where_no_name_was_found() -> None:
    assert replace_names("What now?", [], str.upper) == "What now?"
