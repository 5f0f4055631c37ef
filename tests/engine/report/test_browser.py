"""report.html in a real browser: nothing complains, nothing is asked for, cells open, it fits a phone."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.engine.report.browser import PROGRAM, Browser
from tests.engine.report.reports import WEIGHTS, guesses, run_page, write_noise

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Debian's chromium")
KOREAN = ("기쁨", "분노 \"'<b>", "<script>alert(1)<∕script>")
_FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A page of 30 images whose classes have awkward names."""
    folder = tmp_path_factory.mktemp("small")
    split = write_noise(folder / "test", KOREAN, 10)
    page = run_page(folder / "run", [], split.classes)
    page.write_result(guesses(split), split, split.classes, WEIGHTS)
    return folder / "run/report.html"


def opened(browser: Browser, path) -> Browser:
    browser.look()
    browser.open(path)
    return browser


def assert_quiet(browser: Browser) -> None:
    """No error, and no request but for the file and what stands in it."""
    assert browser.errors == []
    assert {url.partition(":")[0] for url in browser.requests} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in browser.requests) == 1


def is_open(browser: Browser) -> bool:
    return browser.run("document.getElementById('cell').open")


def test_the_browser_notices_what_a_page_must_not_do(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<script>console.error('e'); throw new Error('x')</script><img src='http://a.invalid/b.png'>")
    opened(browser, path)
    assert any("http://a.invalid" in url for url in browser.requests) and len(browser.errors) >= 2


@pytest.mark.parametrize("name", ["small", "large"])
def test_page_is_shown_without_a_complaint_and_asks_for_nothing(browser, small, large, name):
    opened(browser, small if name == "small" else large / "report.html")
    assert browser.run("document.querySelector('.faces img').naturalWidth") == 80
    assert browser.run("getComputedStyle(document.querySelector('.hit')).backgroundColor") != "rgba(0, 0, 0, 0)"
    browser.click(".matrix button")
    browser.wait("[...document.querySelectorAll('#cell img')].every(image => image.complete && image.naturalWidth === 80)")
    assert_quiet(browser)


def test_a_cell_opens_its_images_by_click_and_closes_again(browser, small):
    opened(browser, small)
    for place in (0, 1):
        label = browser.run(f"document.querySelectorAll('.matrix button')[{place}].ariaLabel")
        browser.run(f"document.querySelectorAll('.matrix button')[{place}].id = 'wanted{place}'")
        browser.click(f"#wanted{place}")
        assert is_open(browser) and browser.run("document.getElementById('cell-title').textContent") == label
        number = int(label.rpartition(": ")[2].split()[0])
        assert browser.run("document.querySelectorAll('#cell img').length") == number
        browser.click("#close")
        assert not is_open(browser)
    assert_quiet(browser)


def test_the_matrix_is_used_by_keyboard(browser, small):
    opened(browser, small)
    for _ in range(60):
        browser.press("Tab")
        if browser.run("Boolean(document.activeElement.dataset.cell)"):
            break
    first = browser.run("document.activeElement.dataset.cell")
    browser.press("ArrowRight")
    second = browser.run("document.activeElement.dataset.cell")
    browser.press("ArrowDown")
    third = browser.run("document.activeElement.dataset.cell")
    assert first and len({first, second, third}) == 3
    browser.press("Enter")
    assert is_open(browser) and browser.run("document.activeElement.id") == "close"
    browser.press("Tab"), browser.press("Tab")
    assert browser.run("document.querySelector('.matrix').contains(document.activeElement)") is False  # the rest waits
    browser.press("Escape")
    browser.wait("!document.getElementById('cell').open")
    assert browser.run("document.activeElement.dataset.cell") == third
    assert_quiet(browser)


def brightness(browser: Browser) -> float:
    return float(np.asarray(Image.open(io.BytesIO(browser.screenshot())).convert("L")).mean())


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("name", ["small", "large"])
def test_both_themes_fit_the_window(browser, small, large, name, width):
    browser.look(width, 844, mobile=width < 500)
    browser.open(small if name == "small" else large / "report.html")
    assert browser.run("innerWidth") == width and browser.run(_FITS)
    light = brightness(browser)
    browser.look(width, 844, dark=True, mobile=width < 500)
    dark = brightness(browser)
    assert light > 180 and dark < 80 and browser.run(_FITS)
    browser.click("#theme")  # against what the system wants
    assert brightness(browser) > 180 and browser.run("document.getElementById('theme').textContent") == "Dark theme"
    browser.click(".matrix button")
    assert is_open(browser) and browser.run(_FITS)
    assert browser.run("(d => d.scrollWidth <= d.clientWidth)(document.getElementById('cell'))")
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.run(_FITS)
    assert_quiet(browser)
