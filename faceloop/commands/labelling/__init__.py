"""The labelling page, and turning its answers into votes."""
