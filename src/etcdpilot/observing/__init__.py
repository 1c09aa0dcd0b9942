"""Sees: asks hosts and etcd, changes nothing."""
