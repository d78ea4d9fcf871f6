import pytest

from core.errors import ChestLensError, sentence


class Refusal(ChestLensError):
    code = "refused"


def test_an_error_of_ours_is_told_as_it_stands():
    assert sentence(Refusal("Send another file.")) == "Send another file."
    assert Refusal("x").code == "refused"
    assert ChestLensError("x").code == "error"


def test_what_the_system_says_of_a_file_becomes_a_sentence_without_numbers(tmp_path):
    with pytest.raises(OSError, match="No such file") as caught:
        (tmp_path / "absent").read_bytes()
    assert sentence(caught.value) == f"{tmp_path / 'absent'}: No such file or directory."
    assert sentence(OSError(28, "No space left on device")) == "No space left on device."
    assert sentence(OSError("No browser found: install one.")) == "No browser found: install one."
