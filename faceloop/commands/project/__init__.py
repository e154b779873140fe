"""What a project is made of, and making one."""
