"""The reference leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import codepipeline_client
from codepipeline_client import testing
from codepipeline_client.testing import faults

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(codepipeline_client, id="package"),
        pytest.param(testing, id="test-kit"),
        pytest.param(faults, id="faults"),
    ],
)
def test_each_public_name_is_in_the_reference_once(module: ModuleType) -> None:
    """What can be imported is explained, and nothing else."""
    documented: list[str] = []
    for page in REFERENCE.glob("*.md"):
        parts = re.split(r"^\.\. currentmodule:: (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for name, section in zip(parts[1::2], parts[2::2], strict=True):
            if name == module.__name__:
                documented += re.findall(r"^\.\. auto\w+:: (\w+)$", section, re.MULTILINE)
    assert sorted(documented) == sorted(name for name in module.__all__ if name != "__version__")
