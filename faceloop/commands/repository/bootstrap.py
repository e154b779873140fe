"""What each clone is told once, as neither git nor DVC takes it from a commit; `make` runs it."""

from pathlib import Path

import vl_convert

from faceloop.base.atomic import replacing
from faceloop.commands.repository.dvc import run_dvc
from faceloop.commands.repository.git import run_git

TEMPLATE = Path(".dvc/tmp/plots.html")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<script>SCRIPTS</script>
</head>
<body>{plot_divs}</body>
</html>
"""


def main() -> None:
    """Set the merge driver of .gitattributes, and a page for `dvc plots` that loads nothing."""
    # Where two branches both label, dvc.lock and figures stay ours: the next repro makes them anew.
    run_git("config", "merge.ours.driver", "true")
    write_template()
    run_dvc("config", "--local", "plots.html_template", TEMPLATE.resolve().as_posix())


def write_template() -> None:
    """Write DVC's page with Vega in it: its own takes the scripts from the network."""
    scripts = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with replacing(TEMPLATE) as partial:
        partial.write_text(PAGE.replace("SCRIPTS", scripts), encoding="utf-8")


if __name__ == "__main__":
    main()
