"""Turn the floors that pyproject.toml declares into constraints for pip, so that they are tested and listed once."""

from __future__ import annotations

import re
import tomllib


def floors(pyproject: str) -> str:
    """Return ``name==version`` for each ``name>=version`` that the package depends on, extras included."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    found = [re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement) for requirement in requirements]
    if None in found:
        raise ValueError(f"each dependency must read name>=version, to have a floor to test: {requirements}")
    return "".join(f"{match[1]}=={match[2]}\n" for match in found if match)
