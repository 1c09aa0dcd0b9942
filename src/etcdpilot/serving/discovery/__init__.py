"""A discovery service: the v2 protocol exactly as etcd up to 3.6 uses it, small and durable.

registry.py keeps tokens and who registered, events.py wakes those who wait, protocol.py words the answers as an etcd
with the v2 API would, service.py speaks HTTP.
"""
