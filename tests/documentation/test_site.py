"""The site builds without a broken link, and asks no other host for anything."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.documentation.pages import ROOT, page_names
from tests.documentation.site import build


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    built = build(folder)
    assert built.returncode == 0, built.stdout
    return folder / "site"


def page_of(name: str) -> str:
    """Return where the site has a document."""
    path = Path(name).with_suffix("")
    return (path.parent if path.name == "README" else path).as_posix()


@pytest.mark.parametrize("name", page_names())
def test_every_document_is_a_page_of_the_site(site: Path, name: str) -> None:
    assert (site / page_of(name) / "index.html").is_file()


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = re.compile(r"<(?:script|img|link)[^>]+(?:src|href)=\"?(https?:[^\s\">]+)")
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text("utf-8")) == [], page


def test_the_navigation_leads_to_every_document() -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    listed = set(re.findall(r"[\w/-]+\.md", str(config["project"]["nav"])))
    assert set(page_names()) <= listed
