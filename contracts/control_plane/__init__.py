"""What operators and their programs may rely on: the control plane (SPEC §10)."""
