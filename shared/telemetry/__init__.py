"""Telemetry: logs, metrics and traces, without secrets by construction (SPEC §12)."""
