"""A strict imitation of vLLM's routes for models and adapters, on loopback.

Written from vLLM's documentation and source; it was never compared with vLLM at work. It refuses
what vLLM refuses, with the same statuses, types and messages, and everything that it does not know.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: What `load_lora_adapter` and `unload_lora_adapter` take.
FIELDS = {"load": {"lora_name", "lora_path"}, "unload": {"lora_name"}}


@dataclass
class Vllm:
    """The server's adapters, and the calls that changed or were to change them."""

    url: str = ""
    base_model: str = "toy"
    key: str | None = None
    can_load: bool = True  #: VLLM_ALLOW_RUNTIME_LORA_UPDATING
    loras: dict[str, str] = field(default_factory=dict)  #: folders by name
    calls: list[tuple[str, str]] = field(default_factory=list)
    #: Statuses with which the next calls fail before anything is done; 200: they do not, 0: the
    #: connection is closed without a reply.
    failures: list[int] = field(default_factory=list)
    #: Where set, each load waits for it.
    may_load: threading.Event | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Lose every adapter, as vLLM does."""
        self.loras.clear()

    def list_models(self) -> dict[str, Any]:
        cards = [_card(self.base_model, self.base_model, None)]
        cards += [_card(name, path, self.base_model) for name, path in self.loras.items()]
        return {"object": "list", "data": cards}

    def load(self, name: str, path: str) -> tuple[int, str | dict[str, Any]]:
        if self.may_load is not None:
            assert self.may_load.wait(60)
        with self.lock:
            if name in self.loras:
                message = f"The lora adapter '{name}' has already been loaded."
                return 400, _error(400, "InvalidUserInput", message)
            if not (Path(path) / "adapter_config.json").is_file():
                message = f"Loading lora {name} failed: No adapter found for {path}"
                return 404, _error(404, "NotFoundError", message)
            self.loras[name] = path
        return 200, f"Success: LoRA adapter '{name}' added successfully."

    def unload(self, name: str) -> tuple[int, str | dict[str, Any]]:
        with self.lock:
            if name not in self.loras:
                message = f"The lora adapter '{name}' cannot be found."
                return 404, _error(404, "NotFoundError", message)
            del self.loras[name]
        return 200, f"Success: LoRA adapter '{name}' removed successfully."


def _card(name: str, root: str, parent: str | None) -> dict[str, Any]:
    card = {"id": name, "object": "model", "created": 1715644056, "owned_by": "vllm"}
    return card | {"root": root, "parent": parent, "permission": []}


def _error(status: int, type: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": status}}


@contextmanager
def serve_vllm(**settings: Any) -> Iterator[Vllm]:
    """Serve for as long as the block lasts."""
    vllm = Vllm(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._is_allowed():
                return self._reply(401, {"error": "Unauthorized"})
            if self.path == "/v1/models":
                return self._reply(200, vllm.list_models())
            if vllm.can_load and self.path == "/v1/load_lora_adapter":
                return self._reply(405, {"detail": "Method Not Allowed"})
            return self._reply(404, {"detail": "Not Found"})

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            kind = self.path.removeprefix("/v1/").removesuffix("_lora_adapter")
            if not self._is_allowed():
                return self._reply(401, {"error": "Unauthorized"})
            if not vllm.can_load or kind not in FIELDS or self.path != f"/v1/{kind}_lora_adapter":
                return self._reply(404, {"detail": "Not Found"})
            body = json.loads(content)
            if self.headers["Content-Type"] != "application/json" or set(body) != FIELDS[kind]:
                return self._reply(400, _error(400, "Bad Request", "a field is wrong"))
            if not all(isinstance(value, str) and value for value in body.values()):
                return self._reply(400, _error(400, "InvalidUserInput", "must be provided"))
            vllm.calls.append((kind, body["lora_name"]))
            status = vllm.failures.pop(0) if vllm.failures else 200
            if status == 0:
                return None
            if status != 200:
                return self._reply(status, _error(status, "InternalServerError", "rank 64 > 16"))
            act = vllm.load if kind == "load" else vllm.unload
            return self._reply(*act(*body.values()))

        def _is_allowed(self) -> bool:
            return vllm.key is None or self.headers["Authorization"] == f"Bearer {vllm.key}"

        def _reply(self, status: int, body: str | dict[str, Any]) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/plain" if isinstance(body, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        vllm.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield vllm
        server.shutdown()
        thread.join()
