"""Whom a batch shows, beside whom it was meant to show."""
