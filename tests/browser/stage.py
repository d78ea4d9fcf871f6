"""What the viewer's tests look at: a chest with a mark at a known place, and the pixels on the screen."""

import base64
import io
import json
import re
import time
import urllib.request
import uuid

import numpy as np
from PIL import Image

from core.imaging import render_phantom

SIDE = 700
# Where the white square lies, as shares of the sides.
MARK_X, MARK_Y = 4.5 / 14, 8.5 / 14
_HALF = 12
# Side of the heatmap that is strongest there.
_MAP = 224
# Grey values of the pair of fields, closer than 8 bits can tell apart, and where they meet, as shares of the sides.
_PAIR = (0.4996, 0.5010)
PAIR_X, PAIR_Y = 0.75, 0.3


def marked_chest():
    """(700, 700) uint16: a rendered chest with a white square, and two fields of almost the same grey."""
    pixels = render_phantom(size=SIDE) * 0.9
    row, column = round(MARK_Y * SIDE), round(MARK_X * SIDE)
    pixels[row - _HALF : row + _HALF, column - _HALF : column + _HALF] = 1
    row, column = round(PAIR_Y * SIDE), round(PAIR_X * SIDE)
    pixels[row - 30 : row + 30, column - 30 : column] = _PAIR[0]
    pixels[row - 30 : row + 30, column : column + 30] = _PAIR[1]
    pixels[0, 0] = 0
    return np.round(pixels * 65535).astype(np.uint16)


def upload(server, data, name="marked.png"):
    """Sends a file, waits for the result, and returns the study's identifier."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    request = urllib.request.Request(
        f"{server}/api/studies",
        head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    study_id = json.load(urllib.request.urlopen(request, timeout=60))["id"]
    for _ in range(600):
        status = json.load(urllib.request.urlopen(f"{server}/api/studies/{study_id}", timeout=60))["status"]
        if status == "done":
            return study_id
        assert status != "failed"
        time.sleep(0.1)
    raise AssertionError("the study did not finish within 60 s")


def png(values):
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def heatmap_of_the_mark(page, finding):
    """The server's answer, with attention to nothing but the white square for one finding."""

    def answer(route):
        response = route.fetch()
        data = response.json()
        x, y = np.meshgrid(*[(np.arange(_MAP) + 0.5) / _MAP] * 2)
        attention = np.exp(-((x - MARK_X) ** 2 + (y - MARK_Y) ** 2) / 0.002)
        values = dict.fromkeys(data["values"], _base64(np.zeros_like(attention))) | {finding: _base64(attention)}
        data |= {"width": _MAP, "height": _MAP, "values": values}
        route.fulfill(response=response, json=data)

    page.route("**/heatmaps.json", answer)


def _base64(shares):
    return base64.b64encode(np.round(shares * 255).astype(np.uint8)).decode()


def change_study(page, change):
    """Lets ``change`` work on the study before the page gets it."""

    def answer(route):
        response = route.fetch()
        study = response.json()
        if study["status"] == "done":
            change(study)
        route.fulfill(response=response, json=study)

    page.route(re.compile(r"/api/studies/\w+$"), answer)


def picture(page, pane="pane"):
    """(H, W, 3) of a pane as it is on the screen, without the words on it."""
    settle(page)
    words = "document.querySelectorAll('.pane-head, .pane-foot').forEach(node => { node.style.visibility = '%s'; })"
    page.evaluate(words % "hidden")
    shot = page.get_by_test_id(pane).locator("canvas").screenshot()
    page.evaluate(words % "")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(float)


def settle(page):
    """Waits until what was asked for is drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def centre_of(mask):
    """(x, y) of the middle of the pixels where a mask holds."""
    rows, columns = np.nonzero(mask)
    assert len(rows) > 20, "there is nothing to be seen"
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def is_coloured(shown):
    return shown.max(axis=-1) - shown.min(axis=-1) > 40


def is_white(shown):
    return shown.min(axis=-1) > 250
