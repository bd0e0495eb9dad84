"""The room of drivers: Postgres, Redis, and the one crossing into asyncio. Knows no table, key or rule of the product."""
