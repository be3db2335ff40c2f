"""The documents: README.md and the pages of docs/, with their blocks and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    text: str

    @property
    def first_line(self) -> str:
        """By which the list of exceptions names the block."""
        return self.text.partition("\n")[0]

    @property
    def place(self) -> str:
        """Where a failing test sends its reader."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and the output shown below it."""

    text: str
    output: str


def page_names() -> list[str]:
    """Return the documents by their paths, the README first."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    return ["README.md", *(page.relative_to(ROOT).as_posix() for page in pages)]


def read_page(name: str) -> str:
    """Return the text of a page."""
    return (ROOT / name).read_text("utf-8")


def read_blocks(name: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = read_page(name)
    return [
        Block(name, text.count("\n", 0, match.start()) + 1, match["language"], match["text"])
        for match in _FENCE.finditer(text)
    ]


def read_commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a console block, without the comments at the ends of their lines."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Command(re.split(r"\s+# ", command)[0].strip(), output)


def read_links(name: str) -> list[str]:
    """Return the targets of a page's links, those of its code left out."""
    prose = _FENCE.sub("", read_page(name))
    return [match["target"] for match in _LINK.finditer(re.sub(r"`[^`\n]*`", "", prose))]


def read_anchors(name: str) -> set[str]:
    """Return the anchors that a forge and the site both make of a page's headings."""
    titles = [match["title"] for match in _HEADING.finditer(_FENCE.sub("", read_page(name)))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
