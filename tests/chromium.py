"""Headless Chromium for the tests: the system's own, which root on Debian gets installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.programs import find_program, install_packages, may_install

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run a browser for as long as the block lasts.

    Raises:
        RuntimeError: no Chromium can be had here; the message names what is missing.
    """
    # The other tests need none of it.
    from playwright.sync_api import sync_playwright

    if _find() is None:
        install_packages(["chromium", "fonts-dejavu-core"], purpose="looking at pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_find())
        yield browser
        browser.close()


def explain_missing() -> str | None:
    """Return what is missing for a Chromium here, None when one can be had."""
    if _find() or may_install():
        return None
    return "the tests of pages need chromium on the PATH, or root on Debian, which gets it by apt"


def _find() -> str | None:
    return next(filter(None, map(find_program, _NAMES)), None)
