"""Values and pure rules. Nothing here uses I/O, a driver, trio, asyncio or logging."""
