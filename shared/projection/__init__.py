"""The gateway projection (SPEC §6): publishes outbox rows as records and stream entries in Redis, and keeps them true.

Decision: docs/decisions/0004-projection.md.
"""
