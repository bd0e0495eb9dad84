"""An edge gateway, and a client that signs: `python -m examples.gateway`, `python -m examples.gateway.client`."""
