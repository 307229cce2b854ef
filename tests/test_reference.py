"""The reference leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import codepipeline_client
from codepipeline_client import models, testing
from codepipeline_client.testing import faults

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        pytest.param(codepipeline_client, {*codepipeline_client.__all__} - {"__version__"}, id="package"),
        pytest.param(
            models,
            {
                each.__name__
                for module in (models.actions, models.executions)
                for each in vars(module).values()
                if isinstance(each, type) and each.__module__ == module.__name__
            }
            - {*codepipeline_client.__all__},
            id="parts",
        ),
        pytest.param(
            testing, {name for name, each in vars(testing).items() if not isinstance(each, ModuleType)}, id="kit"
        ),
        pytest.param(
            faults,
            {name for name, each in vars(faults).items() if getattr(each, "__module__", "") == faults.__name__},
            id="faults",
        ),
    ],
)
def test_each_public_name_is_in_the_reference_once(module: ModuleType, names: set[str]) -> None:
    """What can be imported is explained, and nothing else."""
    documented: list[str] = []
    for page in REFERENCE.glob("*.md"):
        parts = re.split(r"^\.\. currentmodule:: (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name, section in zip(parts[1::2], parts[2::2], strict=True):
            if name == module.__name__:
                documented += re.findall(r"^\.\. auto\w+:: (\w+)$", section, re.MULTILINE)
    assert sorted(documented) == sorted(name for name in names if not name.startswith("_"))
