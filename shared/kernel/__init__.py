"""The kernel: pure words and rules. No I/O, no driver, no trio, no asyncio, no logging."""
