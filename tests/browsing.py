"""A person's hands on the labelling page: keys, pressed when the page takes them."""

from pathlib import Path
from typing import Any

import pytest

GUARD_MS = 120


def need_a_browser(chromium: str) -> None:
    """Skip the module that calls this where the page cannot be served or opened."""
    needs = "the browser tests need playwright: make .venv/.all"
    pytest.importorskip("playwright", reason=needs)
    if not chromium:
        pytest.skip("no chromium here: apt-get install chromium", allow_module_level=True)


def ready(page: Any) -> None:
    """Wait until a picture is there and has been looked at for as long as a key needs."""
    page.wait_for_selector("main[aria-busy=false]")
    page.clock.run_for(GUARD_MS + 10)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        ready(page)
        page.keyboard.press(key)


def shown(page: Any) -> str:
    """Return the id of the face on the page."""
    source = page.locator("#picture img").get_attribute("src")
    return Path(source).stem


def saved(page: Any) -> None:
    """Wait until the server has acknowledged everything."""
    page.wait_for_selector("#saved:text-is('all saved')")
