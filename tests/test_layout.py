"""The house keeps its plan: who may import whom, and what loads when."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Final

import pytest
from attrs import frozen

from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

PACKAGE: Final = "codepipeline_client"
SOURCE: Final = Path(__file__).parent.parent / PACKAGE

KEYS: Final = "_freshness _discretion _botocore_keys _key_sources _refreshes"
SETTING: Final = "_config"
SENDING: Final = "_http transport _roundtrip _failures _run _driver"
FOLLOWING: Final = "_march _crew _convoy_driver"
RETRYING: Final = "_retry _rate_limiter _patience"
WAYS: Final = "waiting _budget _convoy"
LAYERS: Final = tuple(
    (layer, tuple(stations.split()))
    for layer, stations in (
        ("values", "errors models _followed"),
        (
            "rules",
            f"{SETTING} clock _call _locks {RETRYING} _protocol operations {WAYS}",
        ),
        (
            "flow",
            f"_exchange _reports {KEYS} _credentials",
        ),
        ("I/O", f"_threads _futures _pauses {SENDING} {FOLLOWING}"),
        ("client", "_parts _setup _wait _following _async_following client"),
        ("front", "__init__ __main__ cli testing"),
    )
)
"""From the ground up: a station imports from its own layer and from those before it."""

FRONT: Final = frozenset(LAYERS[-1][1])
WAITING: Final = frozenset(
    {*dict(LAYERS)["I/O"], "clock", "_locks", "_key_sources", "_refreshes", "_credentials", "testing"}
)

AT_HOME: Final = {
    "httpx": frozenset(
        ["_http", "transport", "_failures", "_roundtrip", "_run", "_driver", "_parts", "_setup", "client"]
    ),
    "httpcore": frozenset[str](),
    "httptools": frozenset(["_http"]),
    "anyio": WAITING,
    "asyncio": WAITING,
    "sniffio": WAITING,
    "threading": WAITING | {"cli"},
    "trio": WAITING,
    "time.sleep": WAITING,
    "click": frozenset({"cli"}),
    "rich": frozenset({"cli"}),
    "pytest": frozenset({"testing"}),
}
"""What only some stations may know of."""

LEVEL: Final = {station: level for level, (_, stations) in enumerate(LAYERS) for station in stations}
NAMES_OF_ASYNC: Final = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)


@frozen(kw_only=True)
class Import:
    """One thing that a module imports."""

    module: str
    """The dotted name of what is imported, as far as it is a module."""
    names: tuple[str, ...] = ()
    """What is taken from it; empty for the module itself."""
    at_run_time: bool
    """False under ``if TYPE_CHECKING``."""
    at_import_time: bool
    """False inside a function."""

    def takes(self, name: str) -> bool:
        """True when this brings in *name*: a module, something under it, or something in it."""
        whole = {self.module, *(f"{self.module}.{taken}" for taken in self.names)}
        return any(dotted == name or dotted.startswith(f"{name}.") for dotted in whole)


def modules() -> dict[str, Path]:
    """Return the package's modules: the path of each by its name, without the package's own."""
    found = {path.relative_to(SOURCE).with_suffix(""): path for path in SOURCE.rglob("*.py")}
    return {".".join(name.parts): path for name, path in sorted(found.items())}


def station_of(name: str) -> str:
    """Return the station that a module belongs to: itself, or its folder."""
    return name.partition(".")[0]


def imports(text: str, name: str = "module") -> Iterator[Import]:
    """Yield what a module's text imports, relative names resolved; *name* is the module's name within the package."""
    home = [PACKAGE, *name.split(".")[:-1]]

    def walk(node: ast.AST, *, at_run_time: bool, at_import_time: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(module=alias.name, at_run_time=at_run_time, at_import_time=at_import_time)
            elif isinstance(child, ast.ImportFrom):
                base = home[: len(home) - child.level + 1] if child.level else []
                module = ".".join([*base, *([child.module] if child.module else [])])
                names = tuple(alias.name for alias in child.names)
                yield Import(module=module, names=names, at_run_time=at_run_time, at_import_time=at_import_time)
            else:
                checking = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
                deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(
                    child,
                    at_run_time=at_run_time and not checking,
                    at_import_time=at_import_time and not deferred,
                )

    yield from walk(ast.parse(text), at_run_time=True, at_import_time=True)


def own(found: Import) -> Iterator[str]:
    """Yield the package's modules that an import reaches, by their names within the package."""
    if station_of(found.module) != PACKAGE:
        return
    inner = found.module.removeprefix(PACKAGE).removeprefix(".")
    known = modules()
    for taken in found.names or ("",):
        path = ".".join(part for part in (inner, taken) if part)
        for candidate in (path, f"{path}.__init__".strip("."), inner, f"{inner}.__init__".strip(".")):
            if candidate in known:
                yield candidate
                break


def every_import() -> Iterator[tuple[str, Import]]:
    """Yield each import of the package, with the module that it stands in."""
    for name, path in modules().items():
        for found in imports(path.read_text(encoding="utf-8"), name):
            yield name, found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("import httpx", "httpx", id="plain"),
        pytest.param("import os, httpx", "httpx", id="second-in-line"),
        pytest.param("import botocore.auth", "botocore", id="submodule"),
        pytest.param("from time import sleep", "time.sleep", id="name"),
        pytest.param("from . import errors", f"{PACKAGE}.errors", id="relative"),
        pytest.param("from .errors import ServiceError", f"{PACKAGE}.errors", id="from-relative"),
        pytest.param("from .. import client", f"{PACKAGE}.client", id="from-parent"),
        pytest.param("def f():\n  try:\n    import httpx\n  finally: ...", "httpx", id="deep-inside"),
    ],
)
def test_the_reader_sees_every_form_of_import(text: str, expected: str) -> None:
    """Laws that are held by reading imports hold only as far as the reading does."""
    name = "operations.module" if "from .. " in text else "module"
    assert any(found.takes(expected) for found in imports(text, name))


def test_the_reader_tells_when_an_import_runs() -> None:
    """Three moments: as the module loads, when a function is called, never."""
    text = "import a\ndef f():\n  import b\nif TYPE_CHECKING:\n  import c\nelse:\n  import d"
    moments = {found.module: (found.at_run_time, found.at_import_time) for found in imports(text)}
    assert moments["a"] == (True, True)
    assert moments["b"] == (True, False)
    assert moments["c"] == (False, True)


def test_every_module_has_its_layer() -> None:
    """A new file is put on the plan before it is built."""
    assert {station_of(name) for name in modules()} <= LEVEL.keys()


def test_arrows_run_one_way() -> None:
    """A station knows its own layer and those below; types count as knowing."""
    upward = [
        f"{name} imports {target}"
        for name, found in every_import()
        for target in own(found)
        if LEVEL[station_of(target)] > LEVEL[station_of(name)]
    ]
    assert upward == []


def test_no_module_imports_itself_in_a_circle() -> None:
    """What runs when a module loads never comes back to it."""
    reached: dict[str, set[str]] = {name: set() for name in modules()}
    for name, found in every_import():
        if found.at_run_time and found.at_import_time:
            reached[name].update(own(found))

    def comes_back(start: str) -> bool:
        seen: set[str] = set()
        ahead = set(reached[start])
        while ahead:
            here = ahead.pop()
            seen.add(here)
            ahead |= reached[here] - seen
        return start in seen

    assert [name for name in reached if comes_back(name)] == []


@pytest.mark.parametrize("library", AT_HOME)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    """HTTP, waiting and the shell each have their few files."""
    strays = [
        name for name, found in every_import() if found.takes(library) and station_of(name) not in AT_HOME[library]
    ]
    assert strays == []


def test_time_sleep_is_called_only_where_waiting_belongs() -> None:
    """``import time`` alone does not tell, so the calls are read too."""
    strays = [
        name
        for name, path in modules().items()
        if station_of(name) not in WAITING and re.search(r"\btime\.sleep\b", path.read_text(encoding="utf-8"))
    ]
    assert strays == []


def test_nothing_below_the_io_layer_is_async() -> None:
    """What decides does not wait, so it is written once for both worlds."""
    io_level = LEVEL["_driver"]
    asynchronous = [
        f"{name}:{node.lineno}"
        for name, path in modules().items()
        if LEVEL[station_of(name)] < io_level
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, NAMES_OF_ASYNC)
    ]
    assert asynchronous == []


def test_botocore_is_imported_inside_functions_only() -> None:
    """It costs more than all the rest together, and most calls do not need it."""
    eager = [
        name
        for name, found in every_import()
        if found.takes("botocore") and found.at_run_time and found.at_import_time and station_of(name) not in FRONT
    ]
    assert eager == []


def test_only_declared_libraries_are_imported() -> None:
    """What a dependency happens to bring along is not ours to use."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["cli"]]
    declared = {re.split(r"[^\w-]", requirement, maxsplit=1)[0] for requirement in required}
    hosts = {"pytest", "trio", "socksio"}  # imported only by code that they themselves run, or where it is installed
    allowed = {*sys.stdlib_module_names, PACKAGE, *declared, *hosts}
    used = {found.module.partition(".")[0] for _, found in every_import() if found.at_run_time}
    assert used - allowed == set()


FIRST_CALL: Final = """
import sys
from codepipeline_client import CodePipelineClient
with CodePipelineClient() as client:
    client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=sys.argv[1])
print(*sys.modules)
"""


def test_a_first_call_loads_what_a_call_needs() -> None:
    """Waits, notebooks and event loops are not for every program, nor are the words for its mistakes."""
    execution = make_pipeline_execution(pipeline_name="web")
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(execution)
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": endpoint.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": endpoint.credentials.secret_access_key,
            "AWS_REGION": endpoint.region_name,
            "AWS_ENDPOINT_URL": endpoint.endpoint_url,
        }
        command = [sys.executable, "-c", FIRST_CALL, execution.pipeline_execution_id]
        output = subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=60)
    loaded = {*output.stdout.split()}
    many = {f"{PACKAGE}.{station}" for station in f"{FOLLOWING} _budget _convoy".split()}
    shown = {f"{PACKAGE}.{station}" for station in ("testing", "cli")}
    assert f"{PACKAGE}._driver" in loaded
    libraries = {"asyncio", "botocore", "difflib", "httpcore", "importlib.metadata"}
    assert (many | shown | libraries) & loaded == set()


def methods_of_protocols() -> Iterator[FunctionType]:
    """What the protocols of the package declare."""
    for name in modules():
        if name.rpartition(".")[2] in {"__main__", "__init__"}:
            continue
        module = import_module(f"{PACKAGE}.{name}")
        for found in vars(module).values():
            if isinstance(found, type) and getattr(found, "_is_protocol", False):
                members = [each.fget if isinstance(each, property) else each for each in vars(found).values()]
                own = [each for each in members if isinstance(each, FunctionType)]
                yield from (each for each in own if each.__module__ == module.__name__)


def test_a_protocol_only_asks() -> None:
    """Whoever inherits from one inherits no behaviour."""
    asked = list(methods_of_protocols())
    assert len(asked) > 10
    for method in asked:
        places = inspect.signature(method).parameters.values()
        named = {each.name: None for each in places if each.kind is each.KEYWORD_ONLY}
        assert method(*[None] * (len(places) - len(named)), **named) is None
