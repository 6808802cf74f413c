"""One JupyterLab and one browser for this folder; a fresh notebook or page for each test.

They end with the folder's last test: Playwright keeps an event loop in the main thread, and others need theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from llm_attr_widget import AttrWidget
from llm_attr_widget.demo import load_text
from tests.browser.chromium import HELP, launch
from tests.browser.lab import Lab
from tests.browser.pages import Saved, Shown, open_page
from tests.browser.server import Server, jupyter_lab

PROMPT = "Dave lives in Palm Coast, FL and is a lawyer. His personal interests include"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error as error:
            pytest.fail(f"{HELP}\n\n{error}", pytrace=False)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyter_lab(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="package")
def desk(server: Server, browser: Browser) -> Iterator[Lab]:
    """Where notebooks lie, one after the other."""
    lab = Lab(server, browser)
    yield lab
    lab.close()


@pytest.fixture
def lab(desk: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A notebook of the test's own. A test that fails leaves a picture of what it saw last."""
    desk.page_errors.clear()
    desk.outside_requests.clear()
    failed_before = request.session.testsfailed
    yield desk
    # Before the notebook is closed: Lab itself complains of questions that its kernel did not answer any more.
    page_errors, outside_requests = [*desk.page_errors], [*desk.outside_requests]
    if request.session.testsfailed == failed_before:
        desk.put_away()
    else:
        if desk.is_open:
            desk.screenshot(f"failed-{request.node.name}")
        desk.close()
    assert page_errors == [], "uncaught errors in the page"
    assert outside_requests == [], "the page asked for something beyond the notebook server"


@pytest.fixture(scope="package")
def text_page(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A run on the text model that ships, as a page."""
    model, tokenizer = load_text()
    widget = AttrWidget(model, tokenizer, PROMPT, " playing golf, hiking and cooking.", budget=120)
    widget.run()
    result = widget.wait()
    assert result is not None
    path = tmp_path_factory.mktemp("page") / "result.html"
    widget.to_html(path)
    return Saved(result, path)


@pytest.fixture
def shown(saved: Saved, browser: Browser) -> Iterator[Shown]:
    """The page that the module's fixture `saved` made, in a window of its own."""
    shown = open_page(browser, saved.path)
    errors: list[str] = []
    requests: list[str] = []
    shown.page.on("pageerror", lambda error: errors.append(str(error)))
    shown.page.on("request", lambda request: requests.append(request.url))
    shown.settle()
    yield shown
    shown.page.close()
    assert errors == [], "uncaught errors in the page"
    assert [url for url in requests if not url.startswith(("blob:", "data:"))] == [], "the page asks for nothing"
