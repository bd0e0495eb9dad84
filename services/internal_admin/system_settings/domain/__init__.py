"""System settings as values: their names, types and bounds, and how a change is decided."""
