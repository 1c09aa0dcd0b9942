"""Reaches etcd: own gRPC layer (endpoints, KV, watch, lease, cluster, maintenance, auth)."""
