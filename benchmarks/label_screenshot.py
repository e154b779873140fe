"""Draws the pictures of docs/guide/label.md: the page with people who do not exist."""

import argparse
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.label_project import add_votes, chromium, make_project, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTH_PX, HEIGHT_PX = 1120, 760
ANSWERED, SETTLED = 43, 4
ROUND = "o01-i00"
KEYS = {"none": "1", "glasses": "2", "sunglasses": "3"}
NOTE = "thin frames: look at the bridge"


def main() -> None:
    """Label and settle a few drawn faces, and keep a picture of each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/guide"))
    folder: Path = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        project = Path(scratch)
        truth = make_project(project, faces=120, round_name=ROUND, photos=40)
        keep(label(browser, project, truth), folder / "labelling.png")
        ids = sorted(truth)
        doubted = [one for one in ids if truth[one] != "sunglasses"][:12]
        other = {one: "glasses" if truth[one] == "none" else "none" for one in doubted}
        add_votes(project, {"ana": truth, "ben": truth | other}, ROUND)
        keep(settle(browser, project, truth), folder / "adjudication.png")


def label(browser: "Browser", project: Path, truth: dict[str, str]) -> bytes:
    """Label at a person's pace; return the page as PNG."""
    with serving(project, "ana") as served:
        page = open_page(browser, served.links["ana"])
        answer(page, truth, ANSWERED)
        return picture_of(page)


def settle(browser: "Browser", project: Path, truth: dict[str, str]) -> bytes:
    """Settle some conflicts and begin a note; return the page as PNG."""
    with serving(project, "carl", command=("adjudicate",)) as served:
        page = open_page(browser, served.links["carl"])
        answer(page, truth, SETTLED)
        page.locator("#note").fill(NOTE)
        return picture_of(page)


def open_page(browser: "Browser", link: str) -> "Page":
    """Open a link in a window of the pictures' size, whose clock stands still."""
    size = {"width": WIDTH_PX, "height": HEIGHT_PX}
    page = browser.new_page(viewport=size, device_scale_factor=1.5)
    page.clock.install()
    page.goto(link)
    return page


def answer(page: "Page", truth: dict[str, str], count: int) -> None:
    """Answer faces truly, at a person's pace."""
    for number in range(count):
        page.wait_for_selector("main[aria-busy=false]")
        page.clock.run_for(1400 + 97 * (number % 7))
        source = page.locator("#picture img").get_attribute("src") or ""
        page.keyboard.press(KEYS[truth[Path(source).stem]])


def picture_of(page: "Page") -> bytes:
    """Return the page as PNG once all is saved and the next face is there."""
    page.wait_for_selector("#saved:text-is('all saved')")
    page.wait_for_selector("main[aria-busy=false]")
    return page.screenshot()


def keep(png: bytes, path: Path) -> None:
    """Write a picture of few colours, so that it stays small."""
    shot = Image.open(io.BytesIO(png)).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    shot.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"label_screenshot: {path}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
