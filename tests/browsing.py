"""A person's hands on the labelling page: keys, pressed when the page takes them."""

from pathlib import Path
from typing import Any

GUARD_MS = 120
LOOK_MS = 1100  # a page of the grid is looked at so long, or the page asks back


def ready(page: Any) -> None:
    """Wait until a picture is there and has been looked at for as long as a key needs."""
    page.wait_for_selector("main[aria-busy=false]")
    page.clock.run_for(GUARD_MS + 10)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        ready(page)
        if key == "Enter":
            page.clock.run_for(LOOK_MS)
        page.keyboard.press(key)


def shown(page: Any) -> str:
    """Return the id of the face on the page."""
    source = page.locator("#picture img").get_attribute("src")
    return Path(source).stem


def saved(page: Any) -> None:
    """Wait until the server has acknowledged everything."""
    page.wait_for_selector("#saved:text-is('all saved')")
