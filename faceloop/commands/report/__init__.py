"""A round on one page, and as Markdown for its pull request."""
