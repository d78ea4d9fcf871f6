import os
import subprocess
import sys

import pytest

from core.atomic import publish, replacing, write_json, write_text
from core.settings import ROOT

WRITER = """
import itertools, sys
from core.atomic import write_text
for number in itertools.count():
    write_text(sys.argv[1], str(number % 10) * 200_000)
    print("written", flush=True)
"""


def fail_half_way(path, *, durable):
    with replacing(path, durable=durable) as partial:
        partial.write_text("half")
        raise KeyError


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "a.txt", "first")
    write_text(tmp_path / "a.txt", "öäü\r\nsecond\n")
    assert (tmp_path / "a.txt").read_bytes() == "öäü\r\nsecond\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1}, indent=2)
    with pytest.raises(KeyError):
        fail_half_way(tmp_path / "a.json", durable=True)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}\n'
    assert os.listdir(tmp_path) == ["a.json"]


def test_the_half_written_file_keeps_its_suffix_so_that_libraries_know_its_format(tmp_path):
    with replacing(tmp_path / "curve.png") as partial:
        assert partial.suffix == ".png"
        assert partial.parent == tmp_path
        partial.write_bytes(b"x")


def test_a_published_file_takes_the_place_of_another(tmp_path):
    (tmp_path / "half").write_text("new")
    (tmp_path / "whole").write_text("old")
    publish(tmp_path / "half", tmp_path / "whole")
    assert (tmp_path / "whole").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    target = tmp_path / "a.txt"
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.wait()
        process.stdout.close()
        text = target.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1


def test_files_that_can_be_made_again_appear_whole_as_well(tmp_path):
    with pytest.raises(KeyError):
        fail_half_way(tmp_path / "a.png", durable=False)
    with replacing(tmp_path / "a.png", durable=False) as partial:
        partial.write_bytes(b"whole")
    assert (tmp_path / "a.png").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["a.png"]
