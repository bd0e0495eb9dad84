"""The edge of the public service: HTTP in, commands down, outcomes up, HTTP out. Decides nothing."""
