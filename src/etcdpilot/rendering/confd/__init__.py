"""confd's template functions over an in-memory tree of keys; what touches the world is passed in as a `World`."""
