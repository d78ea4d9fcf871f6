"""Reports as one self-contained page."""

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


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
