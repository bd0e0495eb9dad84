"""Requests and answers of the control plane, for operators and their programs (SPEC §10)."""
