"""Files that take long to decode: ``python tests/hostile/slow_files.py [COUNT]`` sends many at once to a server.

Meanwhile the server must say within a second that it is alive, and answer a good upload within five.
"""

import io
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import requests
from PIL import Image

from core.classifier import SHIPPED
from core.evaluation.bench.server import running_server
from core.imaging import render_phantom
from core.imaging.phantom import phantom_png

ALIVE_SECONDS, GOOD_SECONDS = 1.0, 5.0


def slow_jpeg() -> bytes:
    """A progressive picture of 230 kB with as many passes as are allowed, each over 49 million pixels."""
    pixels = Image.fromarray(np.round(render_phantom(size=500) * 255).astype(np.uint8)).resize((7000, 7000))
    file = io.BytesIO()
    pixels.save(file, "JPEG", quality=5, progressive=True)
    data = file.getvalue()
    # The last pass over all coefficients, again and again.
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * 50 + b"\xff\xd9"


def send_many(base: str, count: int) -> tuple[list[int], float, tuple[int, float]]:
    """Send so many slow files at once, and a good one among them.

    Returns:
        Status of each slow one, the longest time in seconds in which the server said that it is alive, and status and
        seconds of the good one.
    """
    slow, good, alive, over = slow_jpeg(), phantom_png(size=512), [0.0], threading.Event()

    def upload(data: bytes) -> int:
        return requests.post(f"{base}/api/studies", files={"file": ("chest", data)}, timeout=120).status_code

    def ask() -> None:
        while not over.is_set():
            began = time.monotonic()
            requests.get(f"{base}/healthz", timeout=120).raise_for_status()
            alive.append(time.monotonic() - began)
            over.wait(0.05)

    with ThreadPoolExecutor(count + 1) as senders:
        asking = senders.submit(ask)
        answers = [senders.submit(upload, slow) for _ in range(count)]
        time.sleep(0.2)
        began = time.monotonic()
        status = upload(good)
        seconds = time.monotonic() - began
        statuses = [answer.result() for answer in answers]
        over.set()
        asking.result()
    return statuses, max(alive), (status, seconds)


if __name__ == "__main__":
    with running_server(SHIPPED) as (address, _, _):
        requests.post(f"{address}/api/studies", files={"file": ("chest", phantom_png(size=512))}, timeout=120)
        told, longest, (good_status, good_seconds) = send_many(address, int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    print(f"slow files {told}; alive within {longest:.2f} s; good upload {good_status} within {good_seconds:.2f} s")
    in_time = longest < ALIVE_SECONDS and good_seconds < GOOD_SECONDS and good_status in (201, 503)
    sys.exit(0 if in_time and set(told) <= {201, 503} else 1)
