"""The bodies of OTLP requests, and the pace of nodes. Pure, and linear in the bytes."""
