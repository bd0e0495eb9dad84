"""Nodes: pools, join tokens, joining, approval, revocation, and the change of a node's keys (SPEC §16.1)."""
