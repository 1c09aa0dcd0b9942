"""Reads a snapshot of etcd without etcd: pages, records, tables, hashes, and the verdict whether it is sound."""
