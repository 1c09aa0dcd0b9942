"""Reaches etcd: own gRPC layer (endpoints, KV, watch, lease, cluster, maintenance, auth)."""

import os

# gRPC reads this once, when it is first imported, and otherwise writes its own lines to stderr: failed handshakes,
# "fork() handlers". Every module of this room that imports grpc has passed through here first.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
