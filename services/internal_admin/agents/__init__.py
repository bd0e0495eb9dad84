"""Agents, a kind of published configuration (SPEC §19)."""
