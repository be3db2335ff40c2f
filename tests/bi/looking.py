"""Opens pages as people do, and records what a page must not do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Dialog, Page

PHONE, DESK = 360, 1280


class Look:
    """Opens pages in a browser; `noticed` has every message, request and dialog of theirs."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.noticed: list[str] = []

    def __call__(
        self,
        path: Path,
        *,
        width: int = DESK,
        scheme: Literal["light", "dark"] = "light",
        unfold: bool = True,
    ) -> Page:
        """Open a page, with everything on it that can be folded out, unless `unfold` is False."""
        size: Any = {"width": width, "height": 800}
        context = self.browser.new_context(viewport=size, color_scheme=scheme)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.noticed.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.noticed.append(f"error: {error}"))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self.noticed.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        assert self.noticed == [f"request: {path.as_uri()}"]
        self.noticed.clear()
        if unfold:
            page.evaluate("for (const e of document.querySelectorAll('details')) e.open = true")
        return page

    def close(self) -> None:
        """Close all pages."""
        for context in self.contexts:
            context.close()

    def _refuse(self, dialog: Dialog) -> None:
        self.noticed.append(f"dialog: {dialog.message}")
        dialog.dismiss()
