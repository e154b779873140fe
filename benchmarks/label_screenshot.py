"""Draws docs/labelling.png: the labelling page with people who do not exist."""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.label_project import chromium, make_project, serving

WIDTH_PX, HEIGHT_PX = 1120, 760
ANSWERED = 43
KEYS = {"none": "1", "glasses": "2", "sunglasses": "3"}


def main() -> None:
    """Label a few drawn faces and keep a picture of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", default=Path("docs/labelling.png"))
    path: Path = parser.parse_args().path
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        project = Path(folder)
        truth = make_project(project, faces=120, round_name="o01-i00", photos=40)
        with serving(project, "ana") as served:
            page = browser.new_page(
                viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, device_scale_factor=1.5
            )
            page.clock.install()
            page.goto(served.links["ana"])
            for number in range(ANSWERED):
                page.wait_for_selector("main[aria-busy=false]")
                page.clock.run_for(1400 + 97 * (number % 7))  # a person's pace
                source = page.locator("#picture img").get_attribute("src") or ""
                page.keyboard.press(KEYS[truth[Path(source).stem]])
            page.wait_for_selector("#saved:text-is('all saved')")
            page.wait_for_selector("main[aria-busy=false]")
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    shot.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"label_screenshot: {path}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
