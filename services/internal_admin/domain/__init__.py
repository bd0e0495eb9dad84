"""What the internal service decides, as values and pure functions. No driver, no trio, no logging."""
