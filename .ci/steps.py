"""
The steps of .ci/run, in order. The first that fails ends it.

Knows which tool is run on what, and in which environment; how each tool judges is in pyproject.toml.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VERSIONS: Final = ("3.11", "3.12", "3.13")
PACKAGE: Final = "codepipeline_client"
SPREAD: Final = ("--numprocesses", "2")
SUITE: Final = ("--editable", f"{ROOT}[cli]", "--group", "test")

Text = str | os.PathLike[str]


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title before, and the time after."""
    print(f"\n=== {title}", flush=True)
    start = time.monotonic()
    yield
    print(f"--- {time.monotonic() - start:.0f} s", flush=True)


def run(*command: Text, cwd: Path = ROOT, **environment: str) -> None:
    """Run a command to its end, and fail as it fails."""
    # Without the setting, pyright's wrapper asks a registry whether there is a newer one.
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    subprocess.run(command, check=True, cwd=cwd, env={**os.environ, **quiet, **environment}, stdin=subprocess.DEVNULL)


def find_pythons() -> Mapping[str, str]:
    """Return the interpreters of this machine by version: those on PATH that really run, else pyenv's."""
    shelves = (Path.home() / ".pyenv" / "versions", Path(sys.base_prefix).parent)
    found: dict[str, str] = {}
    for version in VERSIONS:
        installed = [python for shelf in shelves for python in sorted(shelf.glob(f"{version}.*/bin/python"))]
        for candidate in (f"python{version}", "python3", sys.executable, *map(os.fspath, installed)):
            ask = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2], sys.executable)"
            try:
                answer = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=True).stdout
            except (OSError, subprocess.CalledProcessError):
                continue
            if answer.startswith(f"{version} "):
                found[version] = answer.removeprefix(f"{version} ").strip()
                break
        print(f"{version}: {found.get(version, 'not here')}")
    if not found:
        sys.exit(f"None of {', '.join(VERSIONS)} is on PATH or in ~/.pyenv: install one.")
    return found


def floors(pyproject: str) -> str:
    """Return constraints for pip: ``name==version`` for each ``name>=version`` that the package depends on."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    found = [re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement) for requirement in requirements]
    if None in found:
        sys.exit(f"Each dependency must read name>=version, to have a floor to test: {requirements}")
    return "".join(f"{match[1]}=={match[2]}\n" for match in found if match)


def new_environment(place: Path, python: Text, *arguments: Text) -> Path:
    """Make a virtual environment, have pip install what the arguments say, and return its interpreter."""
    run(python, "-m", "venv", place)
    own = place / "bin" / "python"
    run(own, "-m", "pip", "install", "--quiet", "--upgrade", "pip")  # --group came with pip 25.1
    run(own, "-m", "pip", "install", "--quiet", *arguments)
    return own


def check_distributions(python: Path, work: Path) -> Path:
    """Build both, look into them, import the package from the wheel with nothing but what it requires; return where."""
    run(python, "-m", "build", "--outdir", work / "dist")
    (wheel,) = (work / "dist").glob("*.whl")
    run(python, "-m", "twine", "check", "--strict", *(work / "dist").iterdir())
    run(python.with_name("check-wheel-contents"), wheel)
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.partition("/")[0] for name in archive.namelist() if name.partition("/")[0].endswith(".dist-info")}
    missing = {f"{PACKAGE}/py.typed", f"{info}/licenses/LICENSE"} - {*archive.namelist()}
    if missing:
        sys.exit(f"The wheel lacks {missing}")
    links = re.findall(r"\]\((?!https:).*?\)", archive.read(f"{info}/METADATA").decode())
    if links:
        sys.exit(f"The description of the wheel has links that lead nowhere on an index: {links}")
    bare = new_environment(work / "bare", python, wheel)
    run(bare, "-I", "-c", f"import {PACKAGE}; print('imported', {PACKAGE}.__file__)", cwd=work)
    run(bare, "-m", "pip", "install", "--quiet", f"{wheel}[cli]", "pytest")
    return bare


def write_blocks(page: Path, place: Path) -> None:
    """
    Write the Python blocks of *page* to files below *place*, for a type checker. Line numbers are those of the page.

    The blocks of a page are one file, but for those that a reader would keep apart: tests, and files with a name.
    """
    text = page.read_text(encoding="utf-8")
    found = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert len(found) == text.count("```python"), f"a block of {page.name} is not seen"
    shared = ""
    for block in found:
        source, before = block[1], text.count("\n", 0, block.start(1))
        name = re.match(r"# (?:[\w.]+/)*(\w+)\.py\n", source)
        is_test = re.search(r"^(?:async )?def test_", source, re.MULTILINE)
        if name or is_test:
            own = name[1] if name else f"test_{page.stem}_at_{before}".replace("-", "_")
            (place / f"{own}.py").write_text("\n" * before + source, encoding="utf-8")
        if not is_test:
            shared += "\n" * (before - shared.count("\n")) + source
    whole = re.sub(r"\W", "_", os.fspath(page.relative_to(ROOT).with_suffix("")).lower())  # two pages have one stem
    (place / f"{whole}_page.py").write_text(shared, encoding="utf-8")


def check_types(python: Path, bare: Path, work: Path) -> None:
    run(python, "-m", "mypy")
    run(python, "-m", "pyright", "--pythonpath", python)
    (work / "blocks").mkdir()
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")):
        write_blocks(page, work / "blocks")
    run(python, "-m", "mypy", "--allow-untyped-defs", "--allow-untyped-calls", work / "blocks")  # for tests
    # As users have it, so away from the sources. This mode takes the Python from PATH only. What httpx and pytest
    # leave untyped in their own classes is theirs.
    path = f"{bare.parent}{os.pathsep}{os.environ['PATH']}"
    run(python, "-m", "pyright", "--ignoreexternal", "--verifytypes", PACKAGE, cwd=work, PATH=path)


def measure_coverage(python: Path, work: Path) -> None:
    there = str(work / "coverage")
    run(python, "-m", "coverage", "run", "-m", "pytest", *SPREAD, COVERAGE_FILE=there)
    run(python, "-m", "coverage", "combine", "--quiet", COVERAGE_FILE=there)
    run(python, "-m", "coverage", "report", COVERAGE_FILE=there)


def command_under(heading: str, text: str) -> str:
    """Return the first ``sh`` block under *heading*."""
    # Up to the next heading; a comment in the block itself looks like one, and is not.
    pattern = rf"^#+ {re.escape(heading)}\n(?:(?!#+ )[^\n]*\n)*?```sh\n(.*?)^```$"
    block = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    if not block:
        sys.exit(f"README.md has no sh block under the heading {heading!r}.")
    return block[1]


def run_as_printed(heading: str, work: Path) -> None:
    """Run the README's command under *heading* as a newcomer does: in a fresh checkout, with an empty HOME."""
    place = work / heading.replace(" ", "-")
    home, checkout = place / "home", place / "checkout"
    home.mkdir(parents=True)
    git = ["git", "-c", f"safe.directory={ROOT}"]  # which may be another user's, as in a container
    listed = subprocess.check_output(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    # What a clone has; before a commit, also what is about to be in it.
    for name in listed.split("\0"):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    command = command_under(heading, (ROOT / "README.md").read_text(encoding="utf-8"))
    print(command, flush=True)
    run("bash", "-e", "-u", "-c", command, cwd=checkout, HOME=str(home), PATH=path_with_python3(place))


def path_with_python3(place: Path) -> str:
    """Return PATH as it is, or where its python3 is too old or none, with this interpreter in front by that name."""
    path = os.environ["PATH"]
    try:
        subprocess.run(["python3", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=True)
    except (OSError, subprocess.CalledProcessError):
        stand_in = place / "path" / "python3"
        stand_in.parent.mkdir()
        stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        stand_in.chmod(0o755)
        return f"{stand_in.parent}{os.pathsep}{path}"
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        work = Path(directory)
        aside = ThreadPoolExecutor(max_workers=1)
        stack.callback(aside.shutdown, cancel_futures=True)  # when a step fails, what has not begun is dropped
        with step("Pythons of this machine"):
            pythons = find_pythons()
            oldest, *others = pythons
            # With the lowest versions one run is enough, where there are runs on others with the newest.
            lowest = others.pop(0) if len(others) > 1 else [oldest, *others][-1]
        with step("Lowest versions, from pyproject.toml"):
            constraints = work / "floors.txt"
            constraints.write_text(floors((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
            print(constraints.read_text(), end="", flush=True)
        with step(f"Environment of the tools, on {oldest}"):
            tools = new_environment(work / "tools", pythons[oldest], *SUITE, "--group", "dev")

        with step("Lint"):
            run(tools, "-m", "ruff", "check")
            run(tools, "-m", "ruff", "format", "--check")
            run(tools.with_name("lint-imports"))
        # Beside the checks that only read; the tests measure time, and want the machine for themselves.
        prepared: list[Future[None] | Future[Path]] = [
            aside.submit(run, tools, "tests/peers/environments.py", work / "peers"),
            *(aside.submit(new_environment, work / version, pythons[version], *SUITE) for version in others),
            aside.submit(
                new_environment, work / "floors", pythons[lowest], *SUITE, "--constraint", os.fspath(constraints)
            ),
        ]
        with step("Wheel and sdist"):
            bare = check_distributions(tools, work)
        with step("Types"):
            check_types(tools, bare, work)
        with step("Documents"):
            run(tools, "-m", "sphinx", "-W", "-n", "-q", "-d", work / "doctrees", "docs", work / "docs")
        with step("Environments of the tests (begun earlier)"):
            for environment in prepared:
                environment.result()
        with step(f"Tests with branch coverage, on {oldest}"):
            measure_coverage(tools, work)
        for version in others:
            with step(f"Tests on {version}"):
                run(work / version / "bin" / "python", "-m", "pytest", *SPREAD)
        with step(f"Tests with the lowest versions, on {lowest}"):
            run(work / "floors" / "bin" / "python", "-m", "pytest", *SPREAD)
        with step("Peers: boto3, aiobotocore, the AWS CLI, a moto server and an older vcrpy"):
            run(tools, "-m", "pytest", "tests/peers", CODEPIPELINE_CLIENT_PEERS=str(work / "peers"))
        with step("What a call costs, counted"):
            run(tools, "-m", "tests.benchmarks", "guard")
        with step("The README's Try it, as printed"):
            run_as_printed("Try it", work)
        print("\nAll steps passed but the last.")
        with step("The README's Test it, as printed"):
            run_as_printed("Test it", work)


if __name__ == "__main__":
    began = time.monotonic()
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"\nFAILED after {time.monotonic() - began:.0f} s: {error}")
