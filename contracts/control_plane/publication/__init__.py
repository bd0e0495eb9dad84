"""Published configuration: its requests and its answers."""
