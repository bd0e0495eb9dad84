"""The internal service: trusted operations, and the operators' control plane (SPEC §4, §10). One folder per feature."""
