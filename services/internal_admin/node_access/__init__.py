"""The guard before the routes of nodes: only an active node's signature reaches them (SPEC §16.2)."""
