"""An edge gateway (`python -m examples.gateway`) and a client that signs (`python -m examples.gateway.client`)."""
