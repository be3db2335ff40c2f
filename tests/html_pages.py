"""Pages of HTML as tests read them: their elements, and their text line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

#: Elements that do not begin a line.
_INLINE = frozenset({"a", "bdi", "code", "del", "ins", "span", "strong"})
_EMPTY = frozenset({"br", "meta", "path"})
_UNSEEN = frozenset({"style", "title"})


@dataclass
class Page(HTMLParser):
    """What a page has."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open_elements: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @property
    def names(self) -> set[str]:
        """The names of its elements."""
        return {name for name, _ in self.elements}

    @property
    def text(self) -> str:
        """What it says: a line per paragraph, item, cell and path; marks as [-old-] {+new+}."""
        lines = (re.sub(r"\s+", " ", line).strip() for line in "".join(self.pieces).split("\0"))
        return "\n".join(line for line in lines if line)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open_elements.append(tag)
        self.pieces.append({"del": "[-", "ins": "{+"}.get(tag, "" if tag in _INLINE else "\0"))
        if tag == "path":
            self.pieces.append(" ".join(str(dict(attrs)[name]) for name in ("class", "d")))
            self.pieces.append("\0")

    def handle_endtag(self, tag: str) -> None:
        assert self.open_elements.pop() == tag, f"</{tag}> closes another element"
        self.pieces.append({"del": "-]", "ins": "+}"}.get(tag, "" if tag in _INLINE else "\0"))

    def handle_data(self, data: str) -> None:
        assert "\0" not in data
        if not _UNSEEN.intersection(self.open_elements):
            self.pieces.append(data)


def read_page(html: str) -> Page:
    """Return a page, whose elements are closed in the order in which they were opened."""
    page = Page()
    # An element that closes itself, as in SVG.
    page.feed(re.sub(r"<path([^>]*)/>", r"<path\1>", html))
    page.close()
    assert page.open_elements == []
    return page
