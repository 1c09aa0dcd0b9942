"""Speaks: one file per command group, views for people and for programs."""
