"""Connections: what the product and its agents talk to, verified before it is accepted (SPEC §18)."""
