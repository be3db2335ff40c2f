"""Finds keys and tokens of services in a text, by the detectors of detect-secrets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

#: Detectors of detect-secrets by module and class: those whose secrets have marks of their own.
_DETECTORS = (
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
#: Some detectors take time that grows with the square of a text, so it is read in pieces of so many
#: characters, of which the last ones are read again.
_PIECE, _OVERLAP = 2_000, 200


def find_secrets(text: str) -> Iterator[tuple[str, int]]:
    """Yield the kind of each secret, and the place where it begins in characters from 0."""
    for start in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
        piece = text[start : start + _PIECE]
        for detector in _load_detectors():
            for secret in detector.analyze_string(piece):
                yield f"a secret ({detector.secret_type})", start + piece.find(secret)


@cache
def _load_detectors() -> tuple[Any, ...]:
    from importlib import import_module

    return tuple(
        getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        for module, name in _DETECTORS
    )
