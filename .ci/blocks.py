"""
Write the Python blocks of the documents to files, for a type checker.

The blocks of a page are one file, but for those that a reader would keep apart: tests, and files with a name. A line
has the number in its file that it has on its page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))


def write_blocks(page: Path, place: Path) -> None:
    """Write the blocks of *page* to files below *place*."""
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
    (place / f"{page.stem.replace('-', '_').lower()}_page.py").write_text(shared, encoding="utf-8")


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    directory.mkdir()
    for each in PAGES:
        write_blocks(each, directory)
