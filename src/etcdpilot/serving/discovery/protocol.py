"""The answers, as an etcd with the v2 API words them. Seen on the wire between real etcd 3.4 and 3.5 and both services.

A client reads the last part of a node's key, its value and its two indexes, and the header X-Etcd-Index, without which
a member waits from the beginning and counts itself twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from etcdpilot.serving.discovery.registry import Node, Token

ROOT = "/_etcd/registry"
NOT_FOUND, NODE_EXISTS = 100, 105


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: status, body, and the index of the store."""

    status: int
    body: bytes
    index: int | None = None
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def text(status: int, words: str) -> Answer:
    return Answer(status, words.encode(), kind="text/plain; charset=utf-8")


def size_node(token: Token, index: int) -> Answer:
    node = {
        "key": f"{ROOT}/{token.token}/_config/size",
        "value": str(token.size),
        "modifiedIndex": token.at,
        "createdIndex": token.at,
    }
    return document(200, {"action": "get", "node": node}, index)


def listing(token: Token, nodes: Iterable[Node], index: int) -> Answer:
    """The hidden `_config` never stands in it; without members there is no `nodes`."""
    node: dict[str, object] = {"key": f"{ROOT}/{token.token}", "dir": True}
    if members := [node_document(each) for each in nodes]:
        node["nodes"] = members
    return document(200, {"action": "get", "node": node | {"modifiedIndex": token.at, "createdIndex": token.at}}, index)


def one(node: Node, index: int) -> Answer:
    return document(200, {"action": "get", "node": node_document(node)}, index)


def created(node: Node, index: int) -> Answer:
    return document(201, {"action": "create", "node": node_document(node)}, index)


def event(node: Node, index: int) -> Answer:
    return document(200, {"action": "create", "node": node_document(node)}, index)


def nothing_yet(index: int) -> Answer:
    """A long poll that ended without news; the client asks again."""
    return Answer(200, b"", index)


def not_found(path: str, index: int) -> Answer:
    return failure(404, NOT_FOUND, "Key not found", path, index)


def exists(node: Node, index: int) -> Answer:
    return failure(412, NODE_EXISTS, "Key already exists", f"/{node.token}/{node.member}", index)


def failure(status: int, code: int, message: str, path: str, index: int) -> Answer:
    fields = {"errorCode": code, "message": message, "cause": f"{ROOT}{path}", "index": index}
    return document(status, fields, index)


def node_document(node: Node) -> dict[str, object]:
    return {
        "key": f"{ROOT}/{node.token}/{node.member}",
        "value": node.value,
        "modifiedIndex": node.at,
        "createdIndex": node.at,
    }


def document(status: int, fields: dict[str, object], index: int) -> Answer:
    return Answer(status, json.dumps(fields).encode() + b"\n", index)
