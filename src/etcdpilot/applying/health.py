"""The proof of health: what a cluster that only looks alive cannot give.

A linearizable read through each voter, a write and its delete, and the hash of all keys, equal at one revision on every
member. The key stands below `/etcdpilot/health/` under a lease, so that a run that is cut off leaves nothing behind.
"""

from __future__ import annotations

import asyncio

from etcdpilot.etcd.door import Door
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.health import Health, Proof
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.observation import EtcdSeen
from etcdpilot.observing.members import DECIDING_SECONDS, ask

PREFIX = "/etcdpilot/health/"
LEASE_SECONDS = 30
PROOF_SECONDS = 3.0
EQUAL_HASHES = "equal hash of keys at one revision"


async def prove(door: Door, *, nonce: str) -> Health:
    """Every proof, also after one that failed: all that is wrong is said at once."""
    seen = await ask(door, DECIDING_SECONDS)
    reads = [read_proof(name, seen) for name in door.endpoints]
    one = one_cluster(seen)
    if not any(proof.holds for proof in reads):
        return Health((*reads, Proof("a write and its delete", "", False, "no member answers a linearizable read")))
    write = await write_proof(door, PREFIX + nonce)
    hashes = await hash_proof(door, seen)
    return Health((*reads, one, write, hashes, alarm_proof(seen)))


def read_proof(name: str, seen: EtcdSeen) -> Proof:
    status = seen.status(name)
    if isinstance(status, Unknown):
        return Proof("a linearizable read", name, False, status.why)
    return Proof("a linearizable read", name, True)


def one_cluster(seen: EtcdSeen) -> Proof:
    """Health checks member by member stay green when a cluster has split in two; only the cluster IDs tell."""
    ids = {status.value.cluster_id for _, status in seen.statuses if isinstance(status, Known)}
    leaders = {status.value.leader for _, status in seen.statuses if isinstance(status, Known)}
    if len(ids) > 1:
        return Proof("one cluster", "", False, f"these endpoints are {len(ids)} different clusters")
    if len(leaders - {0}) > 1:
        return Proof("one cluster", "", False, "they follow different leaders")
    return Proof("one cluster", "", True)


def alarm_proof(seen: EtcdSeen) -> Proof:
    raised = ", ".join(f"{alarm.type.value} of {alarm.member_id:x}" for alarm in seen.alarms)
    return Proof("no alarm", "", not raised, raised)


async def write_proof(door: Door, key: str) -> Proof:
    what = "a write and its delete"
    client = door.client()
    try:
        lease = await client.leases.grant(LEASE_SECONDS, timeout=PROOF_SECONDS)
        await client.kv.put(key, "proof", lease=lease.id, timeout=PROOF_SECONDS)
        deleted = await client.kv.delete(key, timeout=PROOF_SECONDS)
        await client.leases.revoke(lease.id, timeout=PROOF_SECONDS)
    except ClusterFailed as error:
        return Proof(what, "", False, error.why or error.what)
    return Proof(what, "", deleted.deleted == 1, "" if deleted.deleted == 1 else "the key was not there any more")


async def hash_proof(door: Door, seen: EtcdSeen) -> Proof:
    """At a revision that all of those that answer have."""
    from etcdpilot.etcd.errors import Compacted

    try:
        return await hash_proof_at(door, seen)
    except Compacted:
        # 3.4 tells no hash of the very revision that was compacted last; the proof of writing has gone beyond it.
        seen = await ask(door, DECIDING_SECONDS)
    try:
        return await hash_proof_at(door, seen)
    except Compacted as error:
        return Proof(EQUAL_HASHES, "", False, error.why or error.what)


async def hash_proof_at(door: Door, seen: EtcdSeen) -> Proof:
    """Raises Compacted where a member has compacted that revision meanwhile."""
    from etcdpilot.etcd.errors import Compacted

    what = EQUAL_HASHES
    answering = {name: status.value for name, status in seen.statuses if isinstance(status, Known)}
    revision = min(status.revision for status in answering.values())
    try:
        hashes = await asyncio.gather(
            *(door.client().at(door.endpoints[name]).maintenance.hash_of_keys(revision) for name in answering)
        )
    except Compacted:
        raise
    except ClusterFailed as error:
        return Proof(what, "", False, error.why or error.what)
    comparable = {(each.hash, each.compact_revision) for each in hashes}
    compacted = {each.compact_revision for each in hashes}
    if len(comparable) == 1 or (len(compacted) > 1 and len({each.hash for each in hashes}) == len(compacted)):
        return Proof(what, "", True)
    said = ", ".join(f"{name} {each.hash}" for name, each in zip(answering, hashes, strict=True))
    return Proof(what, "", False, f"at revision {revision}: {said}")
