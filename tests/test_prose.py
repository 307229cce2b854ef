"""
The texts that users and contributors read use the field's terms, and no phrase that has to be read twice.

A list of words, not a prose linter: the packages of vale download a program when they run, and other linters have fixed
rules or a language model.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
TEXTS: Final = [
    *sorted((ROOT / "codepipeline_client").rglob("*.py")),
    *(ROOT / "README.md", ROOT / "CHANGELOG.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
]

RULES: Final = {
    r"\banswer(s|ed|ing)?\b(?! faster)": "response, respond; 'Answer faster' is a sample commit",
    r"(?<!access )(?<!signing )(?<!secret )(?<!object )\bkeys\b(?! (of|in) )": "credentials",
    r"\b(asked|asks) (again|anew|for it|less often)\b|\b(it|client|wait) asks\b": "poll, request",
    r"\b(tried|tries) again\b|\banother try\b": "retry",
    r"\bwhat passes\b(?! through)|\bfailure\w* (that|which) (may )?pass(es)?\b": "temporary, or retryable",
    r"\bunder way\b": "in flight, in progress",
    r"\b(follow|followed|follows|following)\b[\w ,]* to its end\b": "until its status is terminal",
    r"\bmeanwhile\b": "say when",
    r"\b(whoever|whosoever|whom)\b": "say who: the caller, a thread, a task",
    r"\bwho (asks|comes|gives|has|imports|needs|owns|polls|reads|sends|stops|waits|wants)\b": "name the subject",
    r"(^|[.;:,] )what (comes|goes|holds|is [\w ]+ is|may [\w ]+ is|passes|remains|stays)\b": "name the subject",
    r"\b(is|are|was) (told|said) (of|that|by|the)\b|\btold of\b|\btells? of\b": "report, receive, say",
    r"\b(is|are) (?-i:none)\b(?! of)": "say what is not there",
    r"\b(anew|whence|thereof|wherein|lest|hence)\b": "an ordinary word",
    r"\bbad end\b|\bgood end\b|\bwell or not\b": "failed, successful or not",
    r"\b(convoy|crew|houses?|(?-i:march)|rooms?|stamps?)\b": "no metaphors",
}
"""Patterns, and what to write in their place. Case does not matter; code between backticks and links are not read."""


def texts_of_module(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the comments and the strings of a module, docstrings and messages among them, with their lines."""
    source = path.read_text(encoding="utf-8")
    for comments in re.finditer(r"(?m)(?:^ *# .*\n)+|(?<=  )# .*$", source):
        yield source.count("\n", 0, comments.start()) + 1, re.sub(r"(?m)^ *# ", "", comments[0])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def texts_of_page(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page beside its blocks of code: a line has one sentence."""
    text = re.sub(r"(?ms)^```.*?^```$", lambda block: "\n" * block[0].count("\n"), path.read_text(encoding="utf-8"))
    yield from enumerate(text.splitlines(), 1)


def problems(text: str) -> list[str]:
    """Return what is found in *text*, each with what to write in its place."""
    rules = [(re.compile(rule, re.IGNORECASE), instead) for rule, instead in RULES.items()]
    prose = re.sub(r"``.+?``|`[^`]+`|(?<=\])\([^)]*\)", "`…`", " ".join(text.split()))
    return [f"{found[0]!r}: {instead}" for rule, instead in rules for found in rule.finditer(prose)]


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in TEXTS])
def test_a_text_is_in_plain_words(path: Path) -> None:
    """Docstrings, comments, messages and pages."""
    texts = texts_of_module(path) if path.suffix == ".py" else texts_of_page(path)
    assert [f"line {line}: {problem}" for line, text in texts for problem in problems(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("the keys have expired", 1, id="credentials"),
        pytest.param("the access keys and signing keys", 0, id="keys-of-aws"),
        pytest.param("None when there is none", 1, id="none"),
        pytest.param("An absent member is None", 0, id="python's-none"),
        pytest.param("The client asks again, and who waits is told of it", 3, id="several"),
        pytest.param("the caller who closes the client", 0, id="with-a-subject"),
        pytest.param("a house, a room and a convoy", 3, id="metaphors"),
        pytest.param("see [the page](first-answer.md) and `answer`", 0, id="code-and-links"),
    ],
)
def test_a_rule_finds_the_word_and_not_its_namesake(text: str, found: int) -> None:
    """Across lines, and in any case."""
    assert len(problems(text)) == found
