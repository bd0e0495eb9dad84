"""Connections to Postgres, Redis, mail servers and HTTP services, and the crossing into asyncio.

They know no table, no key and no contract. Faults of drivers end here.
"""
