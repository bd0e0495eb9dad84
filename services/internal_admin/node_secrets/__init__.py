"""Gives secrets to the nodes that may read them, sealed to each node's key (SPEC §17.3)."""
