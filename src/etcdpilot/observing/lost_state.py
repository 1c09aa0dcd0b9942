"""Who a cluster is when the state folder that made it is lost: its hosts know everything but the authorities' keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.knowledge import Known
from etcdpilot.model.observation import HostSeen, Marker, Seen
from etcdpilot.rendering.running import running_options
from etcdpilot.stores.state import Identity

# In an env file, a unit or a script: ETCD_INITIAL_CLUSTER_TOKEN="…", --initial-cluster-token=…
TOKEN = re.compile(r"initial[-_]cluster[-_]token[= ]+[\"']?([^\"'\s\\]+)", re.IGNORECASE)


def identity_of_hosts(wanted: ClusterSpec, seen: Seen) -> Identity | None:
    """The identity that the markers agree on; None where they do not, or where nobody remembers the token."""
    markers = {found for host in seen.reachable.values() if (found := marker(wanted, host))}
    identities = {(each.cluster_id, each.token_hash) for each in markers}
    if len(identities) != 1:
        return None
    cluster_id, token_hash = identities.pop()
    token = next((each for each in tokens(seen) if hashlib.sha256(each.encode()).hexdigest() == token_hash), None)
    if token is None or not cluster_id:
        return None
    newest = max(markers, key=lambda each: len(each.member_ids))
    return Identity(wanted.name, token, cluster_id, newest.member_ids, formed=True)


def marker(wanted: ClusterSpec, host: HostSeen) -> Marker | None:
    said = host.marker
    return said.value if isinstance(said, Known) and said.value.cluster == wanted.name else None


def tokens(seen: Seen) -> Iterator[str]:
    """What members run with, and what their files say."""
    for host in seen.reachable.values():
        if host.process is not None:
            yield running_options(host.process).get("initial-cluster-token", "")
        for file in host.files:
            yield from TOKEN.findall(file.text)
