"""Finds wordings that a reader has to decode, in code, SQL and documents.

`python -m tests.language` lists them; tests/unit/test_language.py keeps the list empty. To allow a
legitimate use of a word, make its pattern narrower here, not the sentence worse.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqltune import errors

ROOT = Path(__file__).parents[1]
#: Patterns, and what to write instead.
WORDINGS = {
    r"\bwho(?:m|so)?ever\b": "name the person or the program",
    r"\b(?:nobody|somebody|anybody) (?:ever )?(?:thought of|filled in)\b": "say what happened",
    r"\btell(?:s|ing)?\b(?! (?:\w+ ){0,3}apart)|\btold\b": "report, record or show",
    r"\bwish(?:es|ed)?\b": "desired state",
    r"\b(?:go|goes|going|went|gone) on\b(?! (?:disk|top)\b)": "continue or resume",
    r"\b(?:come|comes|came|coming) to\b(?! (?:mind|light)\b)": "reach, or result in",
    r"\b(?:is|are|was|were|be|been) away\b": "unavailable",
    r"\banew\b": "again",
    r"\b(?:let|lets|letting) (?:\w+ ){0,2}go\b": "release",
    r"\bheld\b(?![ -]out\b| constant\b)": "paused, leased, locked or stored",
    r"\b(?:hold|holds|holding) (?:a|an|the|its|his|this|one|every) (?:run|lease|adapter)\b": (
        "pause a run, own a lease"
    ),
    r"\bsights?\b": "scan, snapshot or check",
    r"\btend(?:s|ed|ing)?\b(?! to\b)": "reconcile",
    r"\b(?:a|the|one|each|every|first|last|two|single) looks?\b": "a scan, poll or check",
    r"\bstands? in\b(?! for\b)": "is in",
    r"\bas (?:it|they|he|she) stands?\b": "as it is",
    r"\bin hand\b|\bin (?:its|his|her|their|our) hands\b": "name what is done with it",
    r"\bat work\b": "running",
    r"\bof (?:a|an|the) \w+'s own\b": "the person's own",
    r"\bby (?:itself|themselves)\b": "automatically, or alone",
}
#: First words of a docstring that are no imperative of what the function does.
_FIRST_WORDS = re.compile(r"(?:Gives?|Tells?|Says?|Said|Who)\b")
_SECTION = re.compile(r"\b(?:Args|Returns|Raises|Yields):")
_OWN_LINE = re.compile(r"\s*(?:Args|Returns|Raises|Yields):")
_ERRORS = [name for name, value in vars(errors).items() if isinstance(value, type)]
#: Their texts are questions and sentences to train with, not ours to readers.
_DATA = ("local_lora/rehearsal/",)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`[^`\n]*`|https?://\S+")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a file that people read."""

    line: int
    text: str


def findings_of_python(path: Path) -> list[str]:
    """Return what is wrong with a module's docstrings, comments and messages."""
    source = path.read_text("utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    texts = [*_comments(source), *(_docstrings if _is_data(path) else _strings)(nodes)]
    found = [(text.line, problem) for text in texts for problem in _wordings(text.text)]
    for node in nodes:
        if isinstance(node, _DOCUMENTED):
            line = getattr(node, "lineno", 1)
            found += [(line, problem) for problem in _docstring_problems(node)]
    return [f"{_name(path)}:{line}: {problem}" for line, problem in found]


def findings_of_sql(path: Path) -> list[str]:
    """Return what is wrong with a file's comments, those stored in the catalog included."""
    lines = path.read_text("utf-8").splitlines()
    return [
        f"{_name(path)}:{number}: {problem}"
        for number, line in enumerate(lines, start=1)
        for comment in re.findall(r"--\s(.*)|COMMENT '((?:[^']|'')*)'", line)
        for problem in _wordings(" ".join(comment))
    ]


def findings_of_markdown(path: Path) -> list[str]:
    """Return what is wrong with a page's prose; code is left out, its lines stay counted."""
    prose = _FENCE.sub(lambda m: "\n" * m[0].count("\n"), path.read_text("utf-8"))
    return [
        f"{_name(path)}:{prose.count(chr(10), 0, start) + 1}: {problem}"
        for start, problem in _placed_wordings(_INLINE.sub(lambda m: "·" * len(m[0]), prose))
    ]


def findings_of_comments(path: Path) -> list[str]:
    """Return what is wrong with the comments of a Makefile, a Dockerfile or a YAML file."""
    return [
        f"{_name(path)}:{number}: {problem}"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        for comment in re.findall(r"(?:^|\s)##?\s(.*)", line)
        for problem in _wordings(comment)
    ]


def findings_of_test_names(path: Path) -> list[str]:
    """Return what is wrong with the promises that a module's tests are named after."""
    return [
        f"{_name(path)}:{node.lineno}: {problem}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for problem in _wordings(node.name.replace("_", " "))
    ]


def _wordings(text: str) -> list[str]:
    return [problem for _, problem in _placed_wordings(text)]


def _placed_wordings(text: str) -> Iterator[tuple[int, str]]:
    joined = re.sub(r"\s", " ", text)
    for pattern, advice in WORDINGS.items():
        for match in re.finditer(pattern, joined, re.IGNORECASE):
            yield match.start(), f"{match[0]!r}: {advice}"


def _comments(source: str) -> Iterator[Text]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Text(token.start[0], token.string)


def _strings(nodes: list[ast.AST]) -> Iterator[Text]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield Text(node.lineno, node.value)


def _docstrings(nodes: list[ast.AST]) -> Iterator[Text]:
    for node in nodes:
        if isinstance(node, _DOCUMENTED):
            yield Text(getattr(node, "lineno", 1), ast.get_docstring(node) or "")


def _docstring_problems(node: Documented) -> Iterator[str]:
    docstring = ast.get_docstring(node)
    if docstring is None:
        return
    first = _FIRST_WORDS.match(docstring)
    if first is not None and not isinstance(node, ast.Module):
        yield f"a docstring begins with {first[0]!r}: Return, Write, Yield, Check ..."
    names = _argument_names(node)
    for line in inspect.cleandoc(docstring).splitlines():
        if _SECTION.search(line) and not _OWN_LINE.fullmatch(line):
            yield f"a section is run together: {line.strip()!r}"
        entry = line.strip().partition(": ")[2]
        if any(re.search(rf"(?<![\w.`]){name}: ", entry) for name in names):
            yield f"two entries on one line: {line.strip()!r}"


def _argument_names(node: ast.AST) -> list[str]:
    """Return what can begin an entry of a docstring's sections."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _ERRORS
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [*_ERRORS, *(argument.arg for argument in arguments)]


def _is_data(path: Path) -> bool:
    return any(part in path.as_posix() for part in _DATA)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def python_files() -> list[Path]:
    """Return the modules of the package."""
    return sorted((ROOT / "pipeline").rglob("*.py"))


def test_files() -> list[Path]:
    """Return the modules of tests."""
    return sorted((ROOT / "tests").rglob("test_*.py"))


def sql_files() -> list[Path]:
    """Return the SQL files."""
    return sorted((ROOT / "sql").rglob("*.sql"))


def commented_files() -> list[Path]:
    """Return what is neither Python, SQL nor a page, and has comments for people."""
    return [ROOT / name for name in ("Makefile", "Dockerfile", "docker-compose.yml")]


def documents() -> list[Path]:
    """Return everything that people read as a page."""
    return [
        *sorted(ROOT.glob("*.md")),
        ROOT / "sql" / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    ]


if __name__ == "__main__":
    for files, find in (
        (python_files(), findings_of_python),
        (test_files(), findings_of_test_names),
        (sql_files(), findings_of_sql),
        (documents(), findings_of_markdown),
        (commented_files(), findings_of_comments),
    ):
        for path in files:
            for finding in find(path):
                sys.stdout.write(f"{finding}\n")
