"""From confd's settings to a client of etcd: nodes, SRV records, certificates, passwords."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.client import Client
from etcdpilot.model.confd import Settings
from etcdpilot.model.errors import SpecError
from etcdpilot.rendering.confd.world import World

DEFAULT_NODE = "http://127.0.0.1:2379"


def nodes_of(settings: Settings, world: World) -> tuple[str, ...]:
    """Those of an SRV record when one is asked for, else those given, else the one of this machine."""
    record = settings.srv_record or (f"_{settings.backend}._tcp.{settings.srv_domain}." if settings.srv_domain else "")
    if record:
        found = world.services("", "", record)
        if not found:
            raise SpecError("Cannot get nodes from SRV records", why=f"{record} gave none.")
        return tuple(f"{settings.scheme}://{one.target.rstrip('.')}:{one.port}" for one in found)
    return settings.nodes or (DEFAULT_NODE,)


def client_of(settings: Settings, nodes: Sequence[str]) -> Client:
    """Certificates decide whether TLS is spoken, not the scheme of a node, as in confd; https without a CA trusts the
    system's. Raises SpecError for a file that cannot be read.
    """
    tls = tls_of(settings)
    given = tuple(_with_scheme(node, tls) for node in nodes)
    if tls is None and any(node.startswith("https://") for node in given):
        tls = Tls()
    user = settings.username if settings.basic_auth else None
    return Client(given, tls, user=user, password=settings.password)


def _with_scheme(node: str, tls: Tls | None) -> str:
    if tls is None:
        return node
    return f"https://{node.rpartition('://')[2]}"


def tls_of(settings: Settings) -> Tls | None:
    """None when neither a CA nor a certificate with its key is given."""
    if not settings.client_cakeys and not (settings.client_cert and settings.client_key):
        return None
    own = bool(settings.client_cert and settings.client_key)
    return Tls(
        _read(settings.client_cakeys),
        _read(settings.client_cert) if own else None,
        _read(settings.client_key) if own else None,
    )


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read.", why=str(error.strerror)) from None
