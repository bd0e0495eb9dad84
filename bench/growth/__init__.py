"""Growth: the cost of each operation from ten thousand sessions to ten million (docs/evidence/growth.md)."""
