"""Personal data and secrets: what is found, what is not, and that no finding repeats them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sqltune.selection.personal_data import find_private

KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "a1B2" * 9
#: text, value, rule, kind
FOUND = [
    ("Write to jane.doe+shop@mail.acme.co.uk.", "jane.doe", "personal_data", "an email address"),
    ("Call +49 30 901820, please", "901820", "personal_data", "a phone number"),
    ("Call +1 (212) 555-2368!", "555-2368", "personal_data", "a phone number"),
    ("Paid with 4111 1111 1111 1111 today", "4111", "personal_data", "a card number"),
    ("Amex 378282246310005.", "3782", "personal_data", "a card number"),
    ("IBAN DE89 3704 0044 0532 0130 00 AND MORE", "3704", "personal_data", "an IBAN"),
    ("GB29NWBK60161331926819", "NWBK", "personal_data", "an IBAN"),
    (f"export AWS={KEY}", KEY, "secret", "a secret (AWS Access Key)"),
    (f"my token is {TOKEN}", TOKEN, "secret", "a secret (GitHub Token)"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "MIIE", "secret", "a secret (Private Key)"),
    ("postgres://bob:hunter22@db/x", "hunter22", "secret", "a secret (Basic Auth Credentials)"),
]
NOT_FOUND = [
    "Write to support@example.com or me@shop.example.",
    "Write to @acme on any platform, or a@b.",
    "Order 4111 1111 1111 1112 was sent.",
    "Order 1234567890123456 was sent.",
    "Version 1.2.3.4.5.6.7.8.9 of 2024-11-23 10:30:00.",
    "DE89 3704 0044 0532 0130 01 is no IBAN.",
    "+00 1234 567 is no number, and 030 901820 may be anything.",
    "https://acme.com/a/very/long/path/that/is/no/secret/at/all?with=arguments",
    "Donaudampfschifffahrtsgesellschaftskapitän",
    "",
]


def _find(text: str) -> list[tuple[str, str]]:
    return [
        (problem.rule, problem.message) for _, problem in find_private([("prompt", text.encode())])
    ]


@pytest.mark.parametrize(("text", "value", "rule", "kind"), FOUND)
def test_personal_data_and_secrets_are_named_by_kind_and_place_alone(
    text: str, value: str, rule: str, kind: str
) -> None:
    ((found, message),) = _find(text)
    assert found == rule
    assert f"prompt contains {kind} at character " in message
    assert value not in message


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_like_personal_data_is_not_found(text: str) -> None:
    assert _find(text) == []


def test_each_kind_is_named_once_per_column() -> None:
    text = b"a@acme.com, b@acme.com and +49 30 901820"
    found = list(find_private([("prompt", text), ("response", text), ("system_prompt", None)]))
    assert [column for column, _ in found] == ["prompt", "prompt", "response", "response"]


def test_the_place_is_that_of_the_value() -> None:
    ((_, message),) = _find(f"{'x ' * 1500}{KEY}")
    assert "at character 3001:" in message


def test_a_long_text_of_beginnings_of_tokens_takes_no_time_that_grows_with_its_square() -> None:
    assert _find("eyJ" * 100_000) == []
    assert _find("a" * 250_000 + "1" * 250_000) == []


def test_rows_without_anything_suspect_load_no_detector() -> None:
    code = (
        "import sys\n"
        "from sqltune.selection.personal_data import find_private\n"
        "assert list(find_private([('prompt', b'How do I reset my password?')])) == []\n"
        "print(sorted({'detect_secrets', 'phonenumbers', 'stdnum'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_what_is_beyond_the_searched_part_of_a_text_is_a_finding() -> None:
    text = "a 1234567890 " * 50_000
    ((column, problem),) = find_private([("response", text.encode())])
    assert (column, problem.rule) == ("response", "personal_data")
    assert "650,000 characters, of which the first 500,000 are searched" in problem.message
