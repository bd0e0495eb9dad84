"""Nodes poll for the configuration of their pool and report what they applied; operators see the rollout (SPEC §16)."""
