"""The gateway projection (SPEC §6): outbox rows become records and stream entries in Redis, and stay true there.

Decisions: docs/decisions/0004-projection.md. Knows Postgres' sessions and Redis' records; knows no HTTP and no service.
"""
