"""A real browser for the page tests. A console error, a CSP violation or a call to another host fails the test."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from serving import serving

from core.evaluation.bench.viewer import BROWSERS
from core.settings import ServerSettings
from core.web import create_app, services_of

# The shell draws the same pages in half the time: it has no window of its own to draw around them.
CHROMIUM_NAMES = ("chromium-headless-shell", *BROWSERS)
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# The first analysis of a freshly started server also loads the model.
TIMEOUT_MS = 30_000
VIEWPORT = {"width": 1280, "height": 800}


HERE = Path(__file__).parent
_open = ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Close the browser after the last page test: nothing of it may outlive them and hold up the rest of the suite."""
    if nextitem is None or not nextitem.path.is_relative_to(HERE):
        _open.close()


@pytest.fixture(scope="session")
def browser():
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(CHROMIUM_NAMES)} is installed")
    playwright_api = pytest.importorskip("playwright.sync_api")
    playwright_api.expect.set_options(timeout=TIMEOUT_MS)
    playwright = _open.enter_context(playwright_api.sync_playwright())
    browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_ARGUMENTS))
    _open.callback(browser.close)
    return browser


@pytest.fixture(scope="module")
def live_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the running server keeps everything."""
    return tmp_path_factory.mktemp("instance")


@pytest.fixture(scope="module")
def environment(rendered_nih: Path) -> dict[str, str]:
    """Settings of the server: the shipped checkpoint and a few samples; modules have others of their own."""
    # Most pages are tested with the template's report, which is there at once and always the same.
    return {"CHESTLENS_SAMPLES": str(rendered_nih), "CHESTLENS_WRITER": "off"}


@pytest.fixture(scope="module")
def application(live_instance: Path, environment: dict[str, str]) -> Iterator[Flask]:
    """The application behind ``live_server``."""
    settings = ServerSettings.from_environment({"CHESTLENS_INSTANCE": str(live_instance), **environment})
    application = create_app(settings)
    yield application
    services_of(application).close()


@pytest.fixture(scope="module")
def live_server(application: Flask) -> Iterator[str]:
    """Address of a really running server."""
    with serving(application) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def expected_console():
    """Regular expressions for console errors that the test provokes on purpose, such as a refused upload."""
    return []


@pytest.fixture(scope="module")
def context(browser, live_server):
    """What the pages of a file share: style and scripts that were fetched, and nothing else, see ``page``."""
    context = browser.new_context(viewport=VIEWPORT, base_url=live_server)
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def page(context, live_server, expected_console):
    """An empty tab, the one of the test before where that left it open: a new one would compile all scripts again."""
    page = next(iter(context.pages), None) or context.new_page()
    errors, foreign = [], []
    own_host = urlsplit(live_server).netloc

    def note_request(request):
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != own_host:
            foreign.append(request.url)

    listeners = {
        "console": lambda message: errors.append(message.text) if message.type == "error" else None,
        "pageerror": lambda error: errors.append(str(error)),
        "request": note_request,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    yield page
    try:
        _empty(page, context, live_server)
    except Exception:
        page.close()  # one that crashed would fail every test after this one
        raise
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    unexpected = [text for text in errors if not any(re.search(pattern, text) for pattern in expected_console)]
    assert not unexpected, f"errors in the browser console: {unexpected}"
    assert not foreign, f"requests to other hosts: {foreign}"


def _empty(page, context, server):
    """Leaves nothing of a test to the next: no other tab, nothing stored, no size, no answer of the test's own."""
    for opened in context.pages:
        if opened is not page:
            opened.close()
    if page.is_closed():
        page = context.new_page()
    page.unroute_all(behavior="ignoreErrors")
    page.evaluate("() => { try { sessionStorage.clear(); } catch { /* what did not load has none */ } }")
    page.goto("about:blank")
    stored = {"origin": server, "storageTypes": "cookies,local_storage,indexeddb,cache_storage,service_workers"}
    session = context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", stored)
    session.detach()
    context.clear_cookies()
    context.clear_permissions()
    page.set_viewport_size(VIEWPORT)
    page.emulate_media(media="null", color_scheme="null", reduced_motion="null")
    page.mouse.move(0, 0)
