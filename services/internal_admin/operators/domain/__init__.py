"""Operators as values: accounts, passwords, codes, and what is decided of them."""
