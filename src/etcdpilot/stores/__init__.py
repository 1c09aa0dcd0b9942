"""Reaches places that keep things: the state folder, snapshots, journals, secrets."""
