"""The first run: the owner is claimed, stores the recovery codes and reviews the settings (SPEC §10.2)."""
