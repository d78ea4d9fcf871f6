"""How fast the viewer answers, measured in a real browser on a large radiograph."""

import io
import math
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from core.evaluation.bench.server import finished_study, running_server
from core.evaluation.errors import EvaluationError
from core.imaging.phantom import render_phantom

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The last is quicker than what people use, as it has no window, and serves where there is no other.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
# Without a graphics card, so that others get no slower figures.
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run")
_WINDOW = (1440, 900)

# From the moment at which the browser received the input until the frame that answers it is drawn: a message that is
# sent while the frame is prepared arrives after it.
_MEASURE = """() => {
  window.latencies = { keydown: [], pointermove: [] };
  for (const [type, found] of Object.entries(window.latencies)) {
    document.addEventListener(type, (event) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => found.push(performance.now() - event.timeStamp);
      channel.port2.postMessage(0);
    }), { capture: true });
  }
}"""


def measure_viewer(*, side: int, repeats: int, checkpoint: Path) -> Iterator[str]:
    """Show a 16-bit phantom of ``side`` x ``side`` pixels in Chromium and yield lines of figures.

    Each figure is the time from the input to the frame that answers it, of ``repeats`` inputs.

    Raises:
        EvaluationError: playwright or a browser is missing, or the server did not start.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise EvaluationError("This part drives a browser: run pip install -r tests/requirements.txt first.") from None
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise EvaluationError(f"No browser found: install one of {', '.join(BROWSERS)}.")
    with running_server(checkpoint) as (base, _, _), sync_playwright() as playwright:
        study = finished_study(base, _phantom(side))
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        page = browser.new_page(viewport={"width": _WINDOW[0], "height": _WINDOW[1]})
        page.goto(f"{base}/studies/{study['id']}")
        page.wait_for_selector("canvas[data-ready]", timeout=60_000)
        shown = page.evaluate("performance.now()")
        size = f"{side} x {side} pixels of 16 bits in a window of {_WINDOW[0]} x {_WINDOW[1]}"
        yield f"{size}, from opening the page to the radiograph: {shown / 1000:.1f} s"
        inputs = _Inputs(page)
        for zoom, key in (("fitted", "0"), ("1:1", "1")):
            page.keyboard.press(key)
            yield f"{zoom}: heatmap of the next finding {inputs.keys(['n'], repeats)}"
            yield f"{zoom}: heatmap on or off {inputs.keys(['h'], repeats)}"
            yield f"{zoom}: window by keys {inputs.keys(['[', ']', ',', '.'], repeats)}"
            yield f"{zoom}: window by dragging {inputs.drag('left', repeats)}"
            page.keyboard.press("r")
            page.keyboard.press(key)
        yield f"1:1: moving by dragging {inputs.drag('middle', repeats)}"
        yield f"zoom by keys {inputs.keys(['+', '-'], repeats)}"
        browser.close()


class _Inputs:
    """Sends inputs to a page, one after the other as a hand would, and tells how long each took to be answered."""

    def __init__(self, page: "Page") -> None:
        self._page = page
        page.evaluate(_MEASURE)
        self._metrics = page.context.new_cdp_session(page)
        # Time that the page's thread worked, whatever else the machine was busy with.
        self._metrics.send("Performance.enable", {"timeDomain": "threadTicks"})

    def keys(self, keys: list[str], repeats: int) -> str:
        worked = self._worked()
        for index in range(repeats):
            self._page.keyboard.press(keys[index % len(keys)])
            self._page.wait_for_timeout(60)
        return self._in_words("keydown", self._worked() - worked)

    def drag(self, button: Literal["left", "middle"], repeats: int) -> str:
        box = self._page.locator("canvas").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self._page.mouse.move(x, y)
        self._page.mouse.down(button=button)
        worked = self._worked()
        for index in range(repeats):
            self._page.mouse.move(x + 5 * (index % 10), y + 3 * (index % 7))
            self._page.wait_for_timeout(30)
        worked = self._worked() - worked
        self._page.mouse.up(button=button)
        return self._in_words("pointermove", worked)

    def _worked(self) -> float:
        """Milliseconds of work so far."""
        metrics = self._metrics.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration"))

    def _in_words(self, kind: str, worked: float) -> str:
        """The latencies since the last time that was asked."""
        latencies = sorted(self._page.evaluate("kind => window.latencies[kind].splice(0)", kind))
        late = latencies[math.ceil(0.95 * len(latencies)) - 1]
        return (
            f"median {statistics.median(latencies):.0f} ms, 95% within {late:.0f} ms, slowest {latencies[-1]:.0f} ms; "
            f"{worked / len(latencies):.1f} ms of work each"
        )


def _phantom(side: int) -> bytes:
    file = io.BytesIO()
    pixels = np.round(render_phantom(size=side) * 65535).astype(np.uint16)
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
