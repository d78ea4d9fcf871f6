"""A model behind a server: a real one that serves a small local model, and servers that fail in each way."""

import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from ports import free_port

from core.vlm.backends import BackendChoice, BackendError, Decoding, check_backend, open_backend

GREY = Image.new("RGB", (64, 64), "gray")
SHORT = Decoding(temperature=0.7, max_new_tokens=12)
# Starting takes half a minute on a quiet machine.
PATIENCE = 400


def choice(address, **environment):
    return BackendChoice.of(address, environment={f"CHESTLENS_WRITER_{name}": one for name, one in environment.items()})


@contextmanager
def serving(folder, log):
    """The address at which ``transformers serve`` serves a folder."""
    for name in ("fastapi", "uvicorn", "openai"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"transformers serve needs the package {name}")
    script = shutil.which("transformers", path=str(Path(sys.executable).parent)) or shutil.which("transformers")
    if script is None:
        pytest.skip("there is no transformers command to serve with")
    port = free_port()
    command = [script, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).read()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > deadline:
                        pytest.fail(log.read_text()[-2000:])
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of ``transformers serve`` with a small LLaVA."""
    from core.vlm.small_models import make_small

    folder = tmp_path_factory.mktemp("served") / "model"
    model, processor = make_small("llava-llama", ["Write the Findings and the Impression. The heart is normal."] * 20)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    with serving(folder, folder.parent / "log") as address:
        yield address, str(folder)


def test_a_served_model_answers_a_picture_as_the_same_model_here_does(served):
    address, folder = served
    backend = open_backend(choice(address, TIMEOUT="300"))
    assert backend.identity == {"name": folder, "version": f"served at {address}"}
    told = []
    likeliest = Decoding(temperature=0, max_new_tokens=12)
    answer = backend.answer(GREY, "Write the Findings.", seed=1, decoding=likeliest, on_text=told.append)
    from core.vlm.writer import Writer

    here = Writer(folder).answer(GREY, "Write the Findings.", seed=1, decoding=likeliest)
    assert answer.strip("\ufffd ")
    assert here.strip("\ufffd ")
    assert answer[:8] == here[:8]
    assert len(told) > 1, "the answer is streamed"
    assert told[-1] == answer
    # Another picture, another answer: the image reaches the model.
    seen = {
        backend.answer(Image.new("RGB", (64, 64), colour), "Write.", seed=1, decoding=SHORT)
        for colour in ("black", "white", "gray")
    }
    assert len(seen) > 1


def test_reports_are_written_by_a_server_in_both_modes(served, phantom_png_bytes, classifier):
    from core.vlm import generate

    backend = open_backend(choice(served[0], TIMEOUT="300"), Decoding(temperature=0, max_new_tokens=16))
    for mode in ("evidence", "image"):
        made = generate(phantom_png_bytes, backend=backend, classifier=classifier, mode=mode)
        # An untrained model says nothing that stands up: the template's words do.
        assert made.findings == made.template.text("findings")
        assert made.rewrite.model["version"] == f"served at {served[0]}"
        assert {"image", "report", "total"} <= set(made.timing)
    assert made.rewrite.mode == "image"
    assert made.rewrite.verdict.action == "fallback"


class _Bad(http.server.BaseHTTPRequestHandler):
    """Fails in the way that the first part of its path names."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self._answer("application/json", b'{"object":"list","data":[{"id":"m","object":"model"}]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.path.split("/")[1]
        self.server.calls.append(kind)
        if kind == "slow":
            time.sleep(3)
        elif kind == "html":
            self._answer("text/html", b"<html>It works!</html>")
        elif kind == "garbage":
            self._answer("text/event-stream", b"data: {broken\n\n")
        elif kind == "error":
            self._answer("application/json", b'{"error": {"message": "no room"}}', status=500)
        elif kind == "key":
            self._answer("application/json", b'{"error": {"message": "bad key"}}', status=401)
        elif kind == "flaky" and self.server.calls.count("flaky") < 2:
            self._answer("application/json", b"{}", status=503)
        elif kind == "broken":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(_part("The lungs"))
        else:
            self._answer("text/event-stream", _part("The lungs ") + _part("are clear.") + b"data: [DONE]\n\n")

    def _answer(self, kind, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _part(text):
    return (
        b'data: {"id":"1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,'
        b'"finish_reason":null,"delta":{"content":"' + text.encode() + b'"}}]}\n\n'
    )


@contextmanager
def bad_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Bad)
    server.calls = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("slow", "took longer than 0.5 seconds"),
        ("html", "no answer|talks nonsense"),
        ("garbage", "talks nonsense"),
        ("error", r"answered with an error \(500\).*no room"),
        ("key", "refuses the key: set CHESTLENS_WRITER_KEY"),
        ("broken", "broke off its answer"),
    ],
)
def test_each_way_of_failing_is_one_sentence(kind, message):
    with bad_server() as (_, address):
        backend = open_backend(choice(f"{address}/{kind}/v1", TIMEOUT="0.5", RETRIES="0"))
        with pytest.raises(BackendError, match=message) as failure:
            backend.answer(GREY, "Write.", seed=1)
    assert "\n" not in str(failure.value)


def test_what_fails_once_is_tried_again():
    with bad_server() as (server, address):
        backend = open_backend(choice(f"{address}/flaky/v1", RETRIES="1"))
        assert backend.answer(GREY, "Write.", seed=1) == "The lungs are clear."
        assert server.calls == ["flaky", "flaky"]


def test_a_server_that_is_not_there_is_told_at_the_start():
    with pytest.raises(BackendError, match="cannot be reached: start it, or check the address"):
        check_backend(choice(f"http://127.0.0.1:{free_port()}/v1", RETRIES="0"))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"CHESTLENS_WRITER_TIMEOUT": "soon"}, "CHESTLENS_WRITER_TIMEOUT must be a number"),
        ({"CHESTLENS_WRITER_RETRIES": "-1"}, "CHESTLENS_WRITER_RETRIES must be a number of at least 0"),
        ({"USE_MERGED_WEIGHTS": "1"}, "MERGED_WEIGHTS_PATH"),
        ({"USE_MERGED_WEIGHTS": "maybe"}, "USE_MERGED_WEIGHTS must be 0 or 1"),
    ],
)
def test_variables_that_make_no_sense_are_refused(environment, message):
    with pytest.raises(BackendError, match=message):
        BackendChoice.of(environment=environment)


def test_the_environment_names_the_backend_and_options_go_first(tmp_path):
    environment = {"USE_MERGED_WEIGHTS": "1", "MERGED_WEIGHTS_PATH": "merged", "CHESTLENS_WRITER_PRECISION": "bf16"}
    assert BackendChoice.of(environment=environment).name == "merged"
    assert BackendChoice.of(environment=environment | {"CHESTLENS_WRITER": "other"}).name == "other"
    assert BackendChoice.of("given", precision="fp32", environment=environment).name == "given"
    assert BackendChoice.of("given", environment=environment).precision == "bf16"
    assert BackendChoice.of(environment={}).name == "shipped"
    with pytest.raises(BackendError, match="holds no model"):
        check_backend(BackendChoice.of(tmp_path, environment={}))
