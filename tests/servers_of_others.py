"""Servers that ChestLens asks, on this machine: an object store, and models that answer in OpenAI's way."""

import http.server
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest


@pytest.fixture(scope="module")
def new_bucket() -> Iterator[Callable[[], str]]:
    """Makes empty buckets on a real S3 server of this machine, which is the one that s3:// means; gives addresses."""
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    account = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "us-east-1"}

    def bucket() -> str:
        name = f"chest-{uuid.uuid4().hex}"  # the server remembers those of other tests
        s3fs.S3FileSystem().mkdir(name)
        return f"s3://{name}"

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ENDPOINT_URL": f"http://{host}:{port}", **account}.items():
            patch.setenv(f"AWS_{name}", value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield bucket
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(scope="session")
def speaking_server() -> Iterator[Callable[[str], str]]:
    """Makes OpenAI-compatible servers, each of which answers everything with one text; gives their addresses."""

    def handler(text: str) -> type[http.server.BaseHTTPRequestHandler]:
        class Speaking(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer("application/json", {"object": "list", "data": [{"id": "speaking", "object": "model"}]})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                choice = {"index": 0, "finish_reason": None, "delta": {"content": text}}
                part = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "speaking"}
                self._answer("text/event-stream", part | {"choices": [choice]}, "data: {}\n\ndata: [DONE]\n\n")

            def _answer(self, kind: str, content: object, form: str = "{}") -> None:
                body = form.replace("{}", json.dumps(content)).encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Speaking

    with ExitStack() as servers:

        def start(text: str) -> str:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(text))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.callback(server.server_close)
            servers.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/v1"

        yield start
