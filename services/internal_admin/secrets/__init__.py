"""Secrets of operators, agents and connections: sealed, versioned and granted (SPEC §17)."""
