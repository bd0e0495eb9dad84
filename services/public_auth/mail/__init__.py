"""Mail of login codes: the courier that empties the queue, and the transports that carry a letter."""
