"""Reports as one self-contained page, and files that appear whole or not at all."""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.findings import display_name
from core.settings import ROOT


def page_environment() -> Environment:
    """Templates of ``templates/reports``, with the filters that they share; a page loads nothing from elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "templates" / "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "display": display_name}
    return environment


def write_text(path: str | Path, text: str) -> None:
    """Write a file of UTF-8 text whole or not at all."""
    target = Path(path)
    half = target.with_name(target.name + ".partial")
    half.write_text(text, encoding="utf-8")
    os.replace(half, target)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
