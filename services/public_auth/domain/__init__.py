"""What the public flow decides, as values and pure functions. No driver, no trio, no logging."""
