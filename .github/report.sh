#!/usr/bin/env bash
# Writes $RUNNER_TEMP/report.md and adds it to the job's summary. What a pull request brings into it
# is indented: as a code block it can neither link nor mention, nor be closed from within.
set -euo pipefail
{
  echo "## Iteration"
  echo
  { faceloop status 2>&1 || true; } | sed 's/^/    /'
  echo
  sed 's/^/    /' "$RUNNER_TEMP/verify.txt" 2>/dev/null || echo "    verify did not run"
  echo
  dvc metrics diff "$BASE" --md || echo "No figures to compare with."
} > "$RUNNER_TEMP/report.md"
cat "$RUNNER_TEMP/report.md" >> "$GITHUB_STEP_SUMMARY"
