"""What the labelling page costs: ms a label over 1,000 faces, first paint of a 10,000-face queue.

Prints a Markdown table. Needs Chromium and playwright; takes about three minutes, for the page
takes no second key within 120 ms of a new picture.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.label_project import chromium, draft_lines, make_project, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FACES, QUEUE, STARTS, GUARD_MS = 1_000, 10_000, 10, 120
# From the key's own time stamp to the frame in which the next picture, decoded, is drawn.
MEASURE = """
() => {
  const main = document.getElementById("main");
  let pressed;
  window.costs = [];
  document.addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
  new MutationObserver(() => main.ariaBusy === "false" &&
    requestAnimationFrame(() => window.costs.push(performance.now() - pressed))
  ).observe(main, { attributes: true, attributeFilter: ["aria-busy"] });
}
"""
# When the first picture is drawn, in ms since 1970.
PAINT = """
() => document.querySelector("#picture img").decode().then(() => new Promise((resolve) =>
  requestAnimationFrame(() => resolve(performance.timeOrigin + performance.now()))))
"""


def main() -> None:
    """Measure both and print them."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        small, large = Path(folder, "small"), Path(folder, "large")
        for project, faces in ((small, FACES), (large, QUEUE)):
            project.mkdir()
            make_project(project, faces)
        costs = measure_labels(browser, small)
        paints = [measure_paint(browser, large) for _ in range(STARTS)]
    print("| figure | median | 95 % of them below | goal |")
    print("|---|---|---|---|")
    print(f"| ms a label, {len(costs):,} faces | {row(costs)} | 25 |")
    print(f"| ms to the first face, a queue of {QUEUE:,} | {row(paints)} | 1,000 |")


def row(milliseconds: list[float]) -> str:
    """Return the median and the 95th percentile as two cells."""
    ordered = sorted(milliseconds)
    high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return f"{statistics.median(ordered):.0f} | {high:.0f}"


def measure_labels(browser: "Browser", project: Path) -> list[float]:
    """Answer every face by key; return ms from each key to the next face on the screen."""
    with serving(project, "ana") as served:
        page = first_face(browser.new_context().new_page(), served.links["ana"])
        page.evaluate(MEASURE)
        for number in range(FACES):
            page.wait_for_selector("main[aria-busy=false]")
            page.wait_for_timeout(GUARD_MS + 5)
            page.keyboard.press("123"[number % 3])
        page.wait_for_selector("#done:visible")
        page.wait_for_selector("#saved:text-is('all saved')")
        costs: list[float] = page.evaluate("window.costs")
    if len(draft_lines(project, "ana")) != FACES or len(costs) < FACES - 1:
        raise RuntimeError("not every key counted: the figure would be wrong")
    return costs


def measure_paint(browser: "Browser", project: Path) -> float:
    """Open the link without a cache; return ms from asking for it to the first face drawn."""
    with serving(project, "ana") as served:
        page = browser.new_context().new_page()
        asked = time.time() * 1000
        painted: float = first_face(page, served.links["ana"]).evaluate(PAINT)
        page.context.close()
    return painted - asked


def first_face(page: "Page", link: str) -> "Page":
    """Open somebody's link and wait for the first face."""
    page.goto(link)
    page.wait_for_selector("#picture img")
    return page


if __name__ == "__main__":
    main()
