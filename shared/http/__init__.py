"""HTTP/1.1 as bytes: heads, bodies and the PROXY protocol, read strictly and in linear time (RFC 9112)."""
