"""The part of a faulty file that can be read, so that its other problems are told in the same breath.

What is wrong is taken out (the default then stands in for it), and what is missing gets a stand-in. A member that was
touched is named, so that nothing is said about how its stand-ins go together with other members.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from etcdpilot.spec.report import Path
from etcdpilot.spec.schema import ClusterFile

ROUNDS = 4
STAND_IN_URL = "https://127.0.0.1:1"  # so that the other URLs of its list can be judged


def salvage(value: Any, errors: Iterable[Mapping[str, Any]]) -> tuple[ClusterFile, frozenset[int]] | None:
    """The readable part and the places of the members that were touched; None when nothing sensible is left."""
    value = copy.deepcopy(value)
    damaged: set[int] = set()
    for _ in range(ROUNDS):
        for error in errors:
            path: Path = error["loc"]
            damaged |= {path[1]} if path[0] == "members" and len(path) > 1 and isinstance(path[1], int) else set()
            take_out(value, path)
        damaged |= stand_in(value)
        try:
            return ClusterFile.model_validate(value), frozenset(damaged)
        except ValidationError as again:
            errors = again.errors(include_url=False)
    return None


def take_out(value: Any, path: Path) -> None:
    """Remove the key that the path ends at or runs through last; a member stays in its place, emptied if need be."""
    holder, key = value, path[0]
    for place, part in enumerate(path):
        if isinstance(value, dict) and part in value:
            holder, key, value = value, part, value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            if path[:place] == ("members",):
                value[part] = value[part] if isinstance(value[part], dict) else {}
                holder = value
            elif place == len(path) - 1 and str(key).endswith("urls"):
                value[part] = STAND_IN_URL
                return
            value = value[part]
        else:
            break
    if isinstance(holder, dict):
        holder.pop(key, None)


def stand_in(value: Any) -> set[int]:
    """A name for what lacks one; the places of the members that got one."""
    value.setdefault("name", "unnamed")
    if not isinstance(value.get("members"), list) or not value["members"]:
        value["members"] = [{}]
    touched = set()
    for place, member in enumerate(value["members"]):
        if not isinstance(member, dict):
            member = value["members"][place] = {}
        if "name" not in member:
            touched.add(place)
            member["name"] = f"unnamed-{place}"
    return touched
