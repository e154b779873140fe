"""Where the loop stands, and moving it on."""
