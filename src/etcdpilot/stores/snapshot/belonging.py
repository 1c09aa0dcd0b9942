"""Which cluster a snapshot is of. Its cluster ID is not in the file, but the members that make it are.

A cluster's ID is computed from the members of its first start (`model/identity.py`). Those are still in the file, as
members or as removed ones, among others that joined later: if no choice of them gives the ID, it is another cluster's.
"""

from __future__ import annotations

from itertools import chain, combinations

from etcdpilot.model.identity import cluster_id
from etcdpilot.model.snapshot_tables import Tables

MOST_MEMBERS = 18  # 262,143 choices, a third of a second


def is_of_cluster(tables: Tables, wanted: int) -> bool | None:
    """Whether these members can have formed the cluster `wanted`; None when the file cannot tell.

    It cannot when it lists no member, or so many past ones that trying every choice would take too long.
    """
    present = sorted({member.id for member in tables.members})
    everyone = sorted({*present, *tables.removed_members})
    if cluster_id(present) == wanted or cluster_id(everyone) == wanted:
        return True
    if not everyone or len(everyone) > MOST_MEMBERS:
        return None
    choices = chain.from_iterable(combinations(everyone, size) for size in range(1, len(everyone)))
    return any(cluster_id(choice) == wanted for choice in choices)
