"""A runtime for agents: a node of the control plane (`python -m examples.agent`)."""
