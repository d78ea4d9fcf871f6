from pathlib import Path

import pytest

from core.command_line import run_command
from core.datasets import DatasetError


def raising(error: BaseException):
    def action() -> int:
        raise error

    return action


def test_what_is_meant_for_people_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raising(DatasetError("There is no such folder."))) == 1
    assert capsys.readouterr().err == "error: There is no such folder.\n"


def test_a_missing_file_is_named_without_the_number_of_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: len(Path("/no/such/file").read_bytes())) == 1
    assert capsys.readouterr().err == "error: /no/such/file: No such file or directory.\n"


@pytest.mark.parametrize("bug", [ValueError("3 is not in list"), KeyError("a"), RuntimeError("x")])
def test_a_bug_is_told_as_one_and_its_traceback_kept(bug: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(raising(bug), name="train.py") == 1
    said = capsys.readouterr().err
    assert said.startswith(f"train.py: something failed inside ChestLens ({type(bug).__name__}); its traceback is in ")
    assert said.count("\n") == 1
    path = said.removesuffix(".\n").rsplit(" ", 1)[1]
    assert "in action" in Path(path).read_text()


def test_the_traceback_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (DatasetError("No."), KeyError("a")):
        assert run_command(raising(error), show_traceback=True) == 1
        assert "in action" in capsys.readouterr().err


def test_every_command_takes_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    from core.__main__ import main

    assert main(["report", "/no/such/file.dcm", "--traceback"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.endswith("error: There is no file /no/such/file.dcm.\n")
