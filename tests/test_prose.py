"""
The texts that users and contributors read use the field's terms, and no phrase that has to be read twice.

A list of words, not a prose linter: the packages of vale download a program when they run, and other linters have fixed
rules or a language model.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
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

SENTENCES: Final = (
    "what passes, such as throttling or a lost connection, does not end it before its time",
    "What stays is an error: each documented one is a class",
    "who wants a history of executions stores what it returns",
    "It hears of no change by itself",
    "Stopping is no end, and a status that is newer than this release is none either",
    "Make an error of a bad end",
    "What is between two polls is not seen",
    "The grace counts anew whenever the execution was seen",
    "one that has not ended is no",
    "an error that reaches you was not gone by then, or is of a kind that stays",
    "What holds for it is what it makes of them",
    "A poll whose answer does not come ends with the wait",
    "turns all of these off but the argument",
    "What you would say to the client's own connections, you say to the transport",
    "for which it has no name of httpx's",
    "It is trusted to say what an execution is. It is not trusted to be well",
    "who sends a byte every half second never exceeds it",
    "These pages come in four kinds",
    "How it goes on is shown on stderr: drawn on a terminal",
    "Until it asks again, at first and after each change",
    "The same at most",
    "it takes the permission",
    "names other credentials",
    "an answer was announced again and again, and did not begin",
    "Yield an execution as it is, then each time that it is seen otherwise; the last one has ended",
    "Calls after this are a",
    "Asks CodePipeline about executions, and follows them to their end",
)
"""Sentences that readers had to read twice, and that are not to come back."""


def texts_of_module(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the comments and the strings of a module, docstrings and messages among them, with their lines."""
    source = path.read_text(encoding="utf-8")
    comment, last = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield last, comment
                comment = ""
            comment, last = f"{comment} {token.string.lstrip('# ')}", token.start[0]
    yield last, comment
    yield from strings(ast.parse(source))


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each string with its line; of an f-string, the text with an ellipsis for each value."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(tree, ast.JoinedStr):
            yield node.lineno, node.value
        yield from strings(node)


def texts_of_page(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page beside its blocks of code: a line has one sentence."""
    text = re.sub(r"(?ms)^```.*?^```$", lambda block: "\n" * block[0].count("\n"), path.read_text(encoding="utf-8"))
    yield from enumerate(text.splitlines(), 1)


def problems(text: str) -> list[str]:
    """Return what is found in *text*, each with what to write in its place."""
    rules = [(re.compile(rule, re.IGNORECASE), instead) for rule, instead in RULES.items()]
    line = " ".join(text.split())
    prose = re.sub(r"``.+?``|`[^`]+`|(?<=\])\([^)]*\)", "`…`", line)
    sentence = line.replace("`", "").lower()
    return [
        *(f"{found[0]!r}: {instead}" for rule, instead in rules for found in rule.finditer(prose)),
        *(f"{each!r}: a plainer sentence" for each in SENTENCES if each.lower() in sentence),
    ]


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
        pytest.param("Calls\n after this are a `ConfigurationError`", 1, id="sentence"),
    ],
)
def test_a_rule_finds_the_word_and_not_its_namesake(text: str, found: int) -> None:
    """Across lines, and in any case."""
    assert len(problems(text)) == found
