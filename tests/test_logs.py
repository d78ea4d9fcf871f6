"""What reaches the log, in both forms; each in a process of its own, as logging belongs to a whole process."""

import json
import subprocess
import sys

from core.settings import ROOT

CANARY = "Doe^Jane"


def _logged(form: str, code: str) -> str:
    lines = f"import logging, warnings\nfrom core import logs\nlogs.set_up({form!r})\n{code}"
    return subprocess.run([sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, check=True).stderr


def test_each_line_is_an_object_with_time_level_logger_message_and_request() -> None:
    code = (
        "logs.request_id.set('request-1')\n"
        "logging.getLogger('core.web').info('%d studies', 3, extra={'study': 'abc'})\n"
        "logging.getLogger('core.web').debug('not heard')\n"
    )
    (line,) = _logged("json", code).splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "INFO",
        "logger": "core.web",
        "message": "3 studies",
        "request_id": "request-1",
        "study": "abc",
    }


def test_text_names_the_request_after_the_message() -> None:
    code = "logs.request_id.set('request-1')\nlogging.getLogger('core.web').warning('slow')\n"
    assert _logged("text", code).endswith("WARNING core.web: slow [request request-1]\n")


def test_words_of_libraries_are_left_out_but_not_that_they_spoke() -> None:
    code = (
        f"logging.getLogger('pydicom').warning('invalid value %s', {CANARY!r})\n"
        f"warnings.warn({CANARY!r}, stacklevel=1)\n"
        "logging.getLogger('pydicom').info('not heard')\n"
    )
    for form in ("json", "text"):
        said = _logged(form, code)
        assert CANARY not in said
        assert len(said.splitlines()) == 2
        assert "pydicom" in said
        assert "py.warnings" in said


def test_an_exception_is_logged_with_kind_and_place_and_only_a_sentence_of_ours_in_words() -> None:
    code = (
        "from core.errors import ChestLensError\n"
        "def read():\n"
        f"    int({CANARY!r})\n"
        "try:\n"
        "    try:\n"
        "        read()\n"
        "    except ValueError as error:\n"
        "        raise ChestLensError('The file is broken.') from error\n"
        "except ChestLensError:\n"
        "    logging.getLogger('core').exception('failed')\n"
        "try:\n"
        f"    open('/nowhere/{CANARY}')\n"
        "except OSError:\n"
        "    logging.getLogger('core').exception('failed')\n"
    )
    for form in ("json", "text"):
        said = _logged(form, code)
        assert CANARY not in said
        for told in ("ValueError", "in read", "ChestLensError: The file is broken.", "No such file or directory"):
            assert told in said


def test_figures_and_request_ids_are_given_out_by_the_server() -> None:
    code = (
        "import tempfile\n"
        "from core.settings import ServerSettings\n"
        "from core.web import create_app, services_of\n"
        "folder = tempfile.mkdtemp()\n"
        "app = create_app(ServerSettings.from_environment({'CHESTLENS_INSTANCE': folder, 'CHESTLENS_WRITER': 'off'}))\n"
        "client = app.test_client()\n"
        f"client.get('/api/studies?query={CANARY}')\n"
        f"client.get('/{CANARY}')\n"
        "answer = client.get('/api/studies/unknown', headers={'X-Request-ID': 'from-the-proxy'})\n"
        "assert answer.headers['X-Request-ID'] == 'from-the-proxy'\n"
        "assert client.get('/', headers={'X-Request-ID': 'two words'}).headers['X-Request-ID'] != 'two words'\n"
        "metrics = client.get('/metrics').text\n"
        "for endpoint, status in (('worklist.index', 200), ('unknown', 404)):\n"
        '    labels = f\'endpoint="{endpoint}",method="GET",status="{status}"\'\n'
        "    assert f'chestlens_request_seconds_count{{{labels}}} 1.0' in metrics\n"
        "for figure in ('chestlens_oldest_job_seconds 0.0', '# TYPE chestlens_studies gauge'):\n"
        "    assert figure in metrics\n"
        "services_of(app).close()\n"
    )
    said = _logged("json", code)
    entries = [json.loads(line) for line in said.splitlines()]
    assert CANARY not in said
    (of_study,) = (entry for entry in entries if entry.get("study") == "unknown")
    assert (of_study["request_id"], of_study["endpoint"], of_study["status"]) == ("from-the-proxy", "api.read", 404)
