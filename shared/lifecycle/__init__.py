"""The life of a process: supervised steps, batches of requests, and the drain at its end."""
