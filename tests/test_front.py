"""The front door: every public name is there, and is loaded when it is first asked for."""

from __future__ import annotations

import ast
import inspect
import pickle
import pydoc
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final, get_type_hints

import pytest

import codepipeline_client
from codepipeline_client import CodePipelineClient, errors
from codepipeline_client.testing import make_pipeline_execution

FRONT: Final = ast.parse(Path(codepipeline_client.__file__).read_text(encoding="utf-8"))
MODULES: Final = ("client", "errors", "models", "operations", "transport", "waiting")


def printed_by(program: str, *, given: bytes = b"") -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], input=given, capture_output=True, check=True, timeout=60
    ).stdout.decode()


def homes_for_type_checkers() -> dict[str, str]:
    """Return from each name to the module that type checkers find it in."""
    stated = next(node for node in FRONT.body if isinstance(node, ast.If))
    return {
        alias.name: node.module or ""
        for node in stated.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is None
    }


def test_what_type_checkers_see_is_what_a_program_gets() -> None:
    """The names are listed for each of them, and no list says more or less."""
    homes = homes_for_type_checkers()
    assert sorted(homes) == codepipeline_client.__all__
    assert vars(codepipeline_client)["_HOMES"] == homes


@pytest.mark.parametrize(("name", "home"), homes_for_type_checkers().items())
def test_a_name_is_the_very_thing_of_its_module(name: str, home: str) -> None:
    """A class that came twice would be caught by one of its names only."""
    assert getattr(codepipeline_client, name) is getattr(import_module(f"codepipeline_client.{home}"), name)


def test_an_import_alone_loads_nothing_but_the_door() -> None:
    """Programs that import everything on top, and use this in one function, start as if it were not there."""
    loaded = printed_by("import sys, codepipeline_client\nprint(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("codepipeline_client.")] == []
    assert {"anyio", "asyncio", "attr", "botocore", "httpcore", "httpx", "sniffio", "ssl"} & {*loaded} == set()


@pytest.mark.parametrize("name", ["ParameterViolation", "PipelineExecution", "__version__"])
def test_a_name_brings_no_more_than_it_needs(name: str) -> None:
    """Who catches an error or reads an execution needs no HTTP."""
    loaded = printed_by(f"import sys\nfrom codepipeline_client import {name}\nprint(*sys.modules)").split()
    assert {"anyio", "asyncio", "botocore", "httpcore", "httpx", "ssl"} & {*loaded} == set()


def test_a_star_brings_every_name() -> None:
    """In a fresh interpreter, where nothing has been loaded yet."""
    program = "before = {*globals()}\nfrom codepipeline_client import *\nprint(*{*globals()} - before - {'before'})"
    assert sorted(printed_by(program).split()) == codepipeline_client.__all__


@pytest.mark.parametrize("module", MODULES)
def test_a_public_module_is_there_without_an_import_of_its_own(module: str) -> None:
    """As it was when the door loaded them all."""
    program = f"import codepipeline_client\nprint(codepipeline_client.{module}.__name__)"
    assert printed_by(program).strip() == f"codepipeline_client.{module}"


@pytest.mark.parametrize("name", ["CodePipelineClients", "Protocol", "_HOME", "__path_of_nothing__"])
def test_a_name_that_is_not_there_is_said_to_be_missing(name: str) -> None:
    """In Python's own words, so that hasattr, from-imports and tools understand."""
    with pytest.raises(AttributeError, match=f"^module 'codepipeline_client' has no attribute '{name}'$"):
        getattr(codepipeline_client, name)
    assert not hasattr(codepipeline_client, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}' from 'codepipeline_client'"):
        exec(f"from codepipeline_client import {name}")


def test_tools_that_look_around_see_every_name() -> None:
    """Completion, help and autodoc ask for the names first, and then for each."""
    program = (
        "import codepipeline_client, inspect\n"
        "print(*dir(codepipeline_client))\n"
        "print(*(name for name, _ in inspect.getmembers(codepipeline_client)))"
    )
    seen, got = (line.split() for line in printed_by(program).splitlines())
    assert {*codepipeline_client.__all__, *MODULES} <= {*seen}
    assert seen == got == sorted(seen)


def test_help_shows_the_classes() -> None:
    """``help(codepipeline_client)`` reads as if all had been loaded."""
    text = pydoc.plain(pydoc.render_doc(codepipeline_client))
    assert "class CodePipelineClient" in text
    assert "class PipelineNotFoundException" in text


def test_what_was_pickled_is_read_where_nothing_was_imported() -> None:
    """A pickle names the module at home, not the door."""
    execution = make_pipeline_execution(pipeline_name="web")
    error = errors.PipelineExecutionFailedError("it failed", execution=execution)
    program = "import pickle, sys\nprint(pickle.load(sys.stdin.buffer).execution.pipeline_name)"
    assert printed_by(program, given=pickle.dumps(error)).strip() == "web"


def test_threads_that_ask_at_once_get_the_same() -> None:
    """Nobody sees a module that is half loaded."""
    program = """
import threading
import codepipeline_client
names, got = ("CodePipelineClient", "SigV4Transport", "PipelineExecution", "GetPipelineExecutionOutput") * 4, []
together = threading.Barrier(len(names))

def ask(name):
    together.wait()
    got.append((name, getattr(codepipeline_client, name)))

threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(got), len({id(found) for _, found in got}), all(found.__name__ == name for name, found in got))
"""
    assert printed_by(program).split() == ["16", "4", "True"]


def test_a_name_that_a_test_replaced_comes_back() -> None:
    """Though it was first asked for while something else stood in its place."""
    program = """
from unittest import mock
import codepipeline_client
with mock.patch("codepipeline_client.client.CodePipelineClient"):
    replaced = codepipeline_client.CodePipelineClient
print(replaced is codepipeline_client.CodePipelineClient, codepipeline_client.CodePipelineClient.__name__)
"""
    assert printed_by(program).split() == ["False", "CodePipelineClient"]


def test_the_types_of_a_method_can_be_read_at_run_time() -> None:
    """What builds on annotations finds them resolved."""
    for _, method in inspect.getmembers(CodePipelineClient, inspect.isfunction):
        if not method.__name__.startswith("_"):
            assert get_type_hints(method)["return"] is not None
