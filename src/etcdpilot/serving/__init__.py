"""Stays up: services that run until told to stop."""
