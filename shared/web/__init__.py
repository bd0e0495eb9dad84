"""The edge of every listener: bytes in, `Request` and `Response`, bytes out. Knows no flow and no table."""
