"""Builds, secures, proves, operates and recovers highly available etcd clusters from one cluster file."""

__version__ = "0.1.0"
