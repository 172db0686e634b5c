"""The pages in a real browser: nothing foreign, nothing on the console, hostile text inert, light and dark."""

import shutil
from collections.abc import Iterator

import pytest

from registry.roles import owner
from tests.plugins.server import Server

pytestmark = pytest.mark.needs("chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    path = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_home_says_what_is_live(server: Server, browser, scheme: str) -> None:  # type: ignore[no-untyped-def]
    server.promote("page-prompt", server.save("page-prompt", f"Be kind, {scheme}."))
    answer = server.chat(model="prompt/page-prompt", messages=[{"role": "user", "content": "hi"}])
    server.row(answer.headers["x-slugline-call-id"])
    number = answer.headers["x-slugline-prompt"].rpartition("@")[2]
    page = browser.new_page(color_scheme=scheme)
    console: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(server.url + "/")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="page-prompt"))
    assert row.get_by_role("cell").nth(0).inner_text() == f"version {number}"
    assert int(row.get_by_role("cell").nth(3).inner_text()) >= 1
    assert console == []
    assert all(url.startswith(server.url) for url in requests)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(250, 250, 248)", "dark": "rgb(18, 20, 22)"}[scheme]
    page.close()


def test_hostile_text_stays_text(server: Server, browser) -> None:  # type: ignore[no-untyped-def]
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>{{ 7*7 }}"
    server.save("hostile", "x")
    from registry.database import open_engine
    from registry.store import Store

    engine = open_engine(f"sqlite:///{server.data / 'registry.db'}")
    Store(engine).describe("hostile", purpose=hostile, by=owner("test"))
    engine.dispose()
    page = browser.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.goto(server.url + "/")
    assert hostile in page.inner_text("main")
    assert dialogs == []
    page.close()
