"""The reference leaves nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import codepipeline_client
from codepipeline_client import testing
from codepipeline_client.testing import faults

REFERENCE = Path(__file__).parent.parent / "docs" / "reference.md"


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
    text = REFERENCE.read_text(encoding="utf-8")
    parts = re.split(r"^\.\. currentmodule:: (\S+)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    documented = re.findall(r"^\.\. auto\w+:: (\w+)$", sections[module.__name__], re.MULTILINE)
    assert sorted(documented) == sorted(name for name in module.__all__ if name != "__version__")
