"""Agents' own keys: each opens a device session whose user is the agent, and a pause revokes them all (SPEC §19.3)."""
