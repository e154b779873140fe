"""What `make` tells each clone: plots are drawn without a network, and names do not break them."""

from pathlib import Path
from typing import Any

import yaml
from dvc_render.html import HTML
from dvc_render.vega import VegaRenderer

from faceloop.commands.repository.bootstrap import TEMPLATE, write_template

ROOT = Path(__file__).parent.parent


def test_a_page_of_plots_loads_nothing_from_outside(browser: Any, tmp_path: Path) -> None:
    write_template()
    points = [{"labels": 1, "score": 0.5, "rev": "a"}, {"labels": 2, "score": 0.7, "rev": "a"}]
    plot = VegaRenderer(points, "curve", x="labels", y="score")
    page_file = tmp_path / "index.html"
    html = HTML(TEMPLATE.read_text(encoding="utf-8"))
    page_file.write_text(html.with_element(plot.generate_html()).embed(), encoding="utf-8")
    page, asked, errors = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(page_file.as_uri())
    page.wait_for_selector("#curve canvas, #curve svg")
    assert asked == [page_file.as_uri()] and errors == []


def test_no_name_of_a_plot_breaks_its_script() -> None:
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    assert [name for plot in plots for name in plot if "'" in name] == []
