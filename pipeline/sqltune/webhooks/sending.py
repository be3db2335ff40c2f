"""One call of the webhook over HTTP.

The address of a Slack or Teams webhook is itself a secret, so that no outcome repeats it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

from sqltune.settings import VERSION

#: For the whole call.
TIMEOUT_SECONDS = 5.0
SIGNATURE = "X-Sqltune-Signature"


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a call ended."""

    is_delivered: bool
    text: str  #: the status of the reply, or why there is none


def send(url: str, secret: str | None, body: bytes, call_name: str) -> CallOutcome:
    """POST a body of JSON; what goes wrong is the outcome and no error.

    Args:
        url: of the receiver.
        secret: with which the body is signed (HMAC-SHA256); None: it is not.
        body: as JSON.
        call_name: equal for every attempt at the same call.
    """
    # httpx takes a tenth of a second, which a sync without a webhook does not spend.
    from sqltune.http_replies import open_reply

    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"sqltune/{VERSION}",
        "Idempotency-Key": quote(call_name, errors="replace"),
    }
    if secret is not None:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers[SIGNATURE] = f"sha256={digest}"
    try:
        with open_reply("POST", url, headers=headers, body=body, seconds=TIMEOUT_SECONDS) as reply:
            status = reply.status_code
    except ConnectionError as error:
        return CallOutcome(False, str(error))
    return CallOutcome(200 <= status < 300, f"HTTP {status}")
