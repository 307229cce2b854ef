"""The package itself: every public name is in it."""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_type_hints

import attrs
from hypothesis import settings

import codepipeline_client
from codepipeline_client import CodePipelineClient, errors
from codepipeline_client.testing import make_pipeline_execution


def printed_by(program: str, *, given: bytes = b"") -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], input=given, capture_output=True, check=True, timeout=60
    ).stdout.decode()


def test_a_star_brings_every_name() -> None:
    """Those of the package are listed in order, and those of its models include the lazy ones."""
    program = "before = {*globals()}\nfrom codepipeline_client%s import *\nprint(*{*globals()} - before - {'before'})"
    assert sorted(printed_by(program % "").split()) == codepipeline_client.__all__
    of_models = {*printed_by(program % ".models").split()}
    assert {"ArtifactRevision", "ErrorDetails"} <= of_models <= {*dir(codepipeline_client.models)} - {"TYPE_CHECKING"}


def test_an_import_loads_neither_botocore_nor_what_only_the_command_line_needs() -> None:
    """httpx loads click, rich and trio by itself where it finds them."""
    ours, of_httpx = (
        {name.partition(".")[0] for name in printed_by(f"import sys, {names}\nprint(*sys.modules)").split()}
        for names in ("codepipeline_client", "httpx, httpcore")
    )
    assert "codepipeline_client" in ours
    assert (ours - of_httpx) & {"botocore", "boto3", "click", "pytest", "rich", "trio"} == set()


def test_the_classes_of_action_executions_are_imported_with_the_first_that_is_used() -> None:
    """They are a twentieth of a start, and few programs need them."""
    program = """
        import sys, codepipeline_client as package
        lazy = "codepipeline_client.models.actions"
        print({*package.__all__, "models"} <= {*dir(package)}, "ErrorDetails" in dir(package.models))
        print(not {lazy, "anyio.lowlevel"} & {*sys.modules})
        print(package.FailedAction.__module__ == lazy, lazy in sys.modules)
        print(*(not hasattr(each, "Unknown") for each in (package, package.models, package.operations)))
    """
    assert {*printed_by(textwrap.dedent(program)).split()} == {"True"}


def test_a_public_module_is_there_without_an_import_of_its_own() -> None:
    """``codepipeline_client.errors`` works after ``import codepipeline_client``."""
    modules = {"client", "errors", "models", "operations", "transport", "waiting"}
    assert modules <= {*printed_by("import codepipeline_client\nprint(*vars(codepipeline_client))").split()}


def test_what_was_pickled_is_read_where_nothing_was_imported() -> None:
    """Unpickling imports the package by itself."""
    execution = make_pipeline_execution(pipeline_name="web")
    error = errors.PipelineExecutionFailedError("it failed", execution=execution)
    program = "import pickle, sys\nprint(pickle.load(sys.stdin.buffer).execution.pipeline_name)"
    assert printed_by(program, given=pickle.dumps(error)).strip() == "web"


def test_types_can_be_read_at_run_time() -> None:
    """What builds on annotations finds them resolved."""
    for _, method in inspect.getmembers(CodePipelineClient, inspect.isfunction):
        if not method.__name__.startswith("_"):
            assert get_type_hints(method)["return"] is not None
    for name in codepipeline_client.__all__:
        if attrs.has(kind := getattr(codepipeline_client, name)):
            assert {*get_type_hints(kind)} >= {each.name for each in attrs.fields(kind)}


def test_hypothesis_has_no_deadline_for_an_example() -> None:
    """In no test of the suite: a shared machine pauses."""
    assert settings(max_examples=1).deadline is None


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    """Changes that are not released yet may stand above it."""
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *_ = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert newest == codepipeline_client.__version__
