"""Judges, purely: one function per doctor rule."""
