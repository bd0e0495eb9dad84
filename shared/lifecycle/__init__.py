"""The life of a process: supervised workers, batches of requests, and the drain before the end."""
