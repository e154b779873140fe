#!/usr/bin/env bash
# Puts the report into one comment of the pull request, and edits that one from then on.
set -euo pipefail
marker='<!-- faceloop iteration -->'
if [ -n "$FROM_FORK" ]; then
  echo "From a fork: no comment, this token only reads; the report is above." >> "$GITHUB_STEP_SUMMARY"
  exit 0
fi
# GitHub takes 65,536 characters, which are never more than bytes; whole lines stay.
{ echo "$marker"; cat "$RUNNER_TEMP/report.md"; } | LC_ALL=C awk '
  { bytes += length($0) + 1 }
  bytes <= 65000 { print; next }
  !cut++ { print "\nCut here, for GitHub takes no more: the whole report is in the summary." }
' > "$RUNNER_TEMP/comment.md"
comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"
mine=$(gh api --paginate "$comments" --jq \
  ".[] | select(.user.type == \"Bot\" and (.body | startswith(\"$marker\"))) | .id" | sed -n 1p)
if [ -n "$mine" ]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" \
    -F "body=@$RUNNER_TEMP/comment.md" --silent
else
  gh api --method POST "$comments" -F "body=@$RUNNER_TEMP/comment.md" --silent
fi
