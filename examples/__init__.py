"""Programs that show how to use this system."""
