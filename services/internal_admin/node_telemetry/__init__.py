"""Telemetry of nodes on its way to the operator's collector. Nothing of it is kept."""
