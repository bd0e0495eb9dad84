"""Parsers of HTTP/1.1 (RFC 9112) and of the PROXY protocol. They are strict, run in linear time and use no socket."""
