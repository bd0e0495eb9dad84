"""Decisions of the public flow as values and pure functions. They use no driver, no trio and no logging."""
