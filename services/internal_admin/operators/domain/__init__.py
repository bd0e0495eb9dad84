"""Accounts, passwords and codes of operators, and the decisions about them."""
