#!/usr/bin/env bash
# Writes $RUNNER_TEMP/report.md and adds it to the job's summary. What a pull request brings into it
# is escaped by faceloop report, or indented: a code block can neither link nor mention.
set -euo pipefail
{
  if faceloop report --base "$BASE" --out "$RUNNER_TEMP/page.html" > "$RUNNER_TEMP/said.txt" 2>&1; then
    cat "$RUNNER_TEMP/page.md"
  else
    echo "## Iteration"
    echo
    sed 's/^/    /' "$RUNNER_TEMP/said.txt"
  fi
  echo
  echo "### Verify"
  echo
  sed 's/^/    /' "$RUNNER_TEMP/verify.txt" 2>/dev/null || echo "    verify did not run"
} > "$RUNNER_TEMP/report.md"
cat "$RUNNER_TEMP/report.md" >> "$GITHUB_STEP_SUMMARY"
