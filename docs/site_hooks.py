"""What the site shows besides `docs/`: recipes, model cards, the changelog; and links to them, which lead out of `docs/`."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "recipes/README.md": "recipes.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    **{
        path.relative_to(ROOT).as_posix(): f"cards/{path.name}"
        for place in ("src/thermend/weights/files", "packages/thermend-weights/src/thermend_weights/files")
        for path in sorted((ROOT / place).glob("*.md"))
    },
}
"""Places in the repository, and the pages that show them."""
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links to what lies outside of `docs/` to its page here; what has none is no link."""
    own = page.file.src_uri
    at = next((source for source, target in OUTSIDE.items() if target == own), f"docs/{own}")

    def led(match: re.Match[str]) -> str:
        target = match[2]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(at), target))
        here = OUTSIDE.get(place, place.removeprefix("docs/") if place.startswith("docs/") else None)
        if here is None:
            return f"]({target}{match[3]}"
        return f"]({posixpath.relpath(here, posixpath.dirname(own) or '.')}{match[3]}"

    return _LINK.sub(led, markdown)
