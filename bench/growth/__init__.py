"""Growth: what an operation costs with ten thousand sessions and with ten million (docs/evidence/growth.md)."""
