"""Reaches machines: port.py says what may be asked of one, local.py and ssh.py do it."""
