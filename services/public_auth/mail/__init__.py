"""Mail of login codes: a courier that empties the queue, and transports that carry letters."""
