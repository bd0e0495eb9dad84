"""The public flow's statements, and the bodies of its units of work. Decisions are asked of `domain`."""
