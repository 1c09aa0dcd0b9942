"""Keeps files equal to what their templates make of the keys in etcd: confd's resources, templates and flags."""
