"""The names, types and bounds of the settings, and the decision about a change."""
