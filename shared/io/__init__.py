"""The room of drivers: Postgres, Redis, and the one crossing into asyncio. Knows no table, no key and no rule."""
