"""What etcdpilot does for you, each use case a short story read from top to bottom."""
