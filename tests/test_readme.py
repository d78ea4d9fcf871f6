import re

from core import DISCLAIMER
from core.settings import ROOT

README = (ROOT / "README.md").read_text()


def test_ci_runs_the_readmes_test_command() -> None:
    commands = re.findall(r"^python3 -m venv .*pytest.*$", README, re.MULTILINE)
    assert len(commands) == 1
    assert commands[0].replace("pip install", "pip install -q") in (ROOT / ".ci" / "run").read_text()


def test_every_file_that_the_readme_names_exists() -> None:
    named = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_disclaimer_stands_in_the_readme() -> None:
    assert DISCLAIMER in " ".join(README.split())
