"""The client: one object that reaches a cluster, and `at(endpoint)` for one of its members."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from etcdpilot.etcd.auth import Auth
from etcdpilot.etcd.calls import Calls
from etcdpilot.etcd.channels import Tls
from etcdpilot.etcd.cluster import Cluster
from etcdpilot.etcd.connections import Connections
from etcdpilot.etcd.endpoints import Endpoint
from etcdpilot.etcd.keys import key_range
from etcdpilot.etcd.kv import Kv
from etcdpilot.etcd.leases import Leases
from etcdpilot.etcd.login import Login
from etcdpilot.etcd.maintenance import Maintenance
from etcdpilot.etcd.watch import Interest, Watcher
from etcdpilot.model.errors import SpecError

TIMEOUT_SECONDS = 5.0


class Client:
    """Reaches etcd through any of its endpoints. `timeout` is for each call, in seconds, all its tries together.

    Nothing is opened before the first call; from then on the client belongs to that event loop. Close it, or use it
    as `async with Client(...) as client`.
    """

    def __init__(
        self,
        endpoints: Iterable[str | Endpoint],
        tls: Tls | None = None,
        *,
        user: str | None = None,
        password: str = "",
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        parsed = tuple(dict.fromkeys(Endpoint.parse(text, secure=tls is not None) for text in endpoints))
        if not parsed:
            raise SpecError("No etcd endpoint was given.", remedy="Give at least one, as https://HOST:2379.")
        login = Login(user, password) if user else None
        self._connections = Connections(tls)
        self._assemble(Calls(self._connections, parsed, login, timeout), secure=tls is not None)

    def _assemble(self, calls: Calls, *, secure: bool) -> None:
        self._calls, self._secure = calls, secure
        self._pinned: dict[Endpoint, Client] = {}
        self.kv = Kv(calls)
        self.leases = Leases(calls)
        self.cluster = Cluster(calls)
        self.maintenance = Maintenance(calls)
        self.auth = Auth(calls)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._calls.endpoints

    def watch(
        self,
        key: str | bytes,
        *,
        prefix: bool = False,
        range_end: str | bytes = b"",
        start_revision: int = 0,
        previous: bool = False,
        puts: bool = True,
        deletes: bool = True,
        progress: bool = False,
    ) -> Watcher:
        """Every change from `start_revision` on (0: from now), each exactly once; see Watcher and Interest."""
        start, end = key_range(key, prefix, range_end)
        return Watcher(self._calls, Interest(start, end, previous, puts, deletes, progress), start_revision)

    def at(self, endpoint: str | Endpoint) -> Client:
        """The same surface, answered by this member alone and at once: no failover, no second try.

        Shares channels and token with this client, and is closed with it.
        """
        parsed = Endpoint.parse(endpoint, secure=self._secure)
        if parsed not in self._pinned:
            pinned = object.__new__(Client)
            pinned._connections = self._connections
            pinned._assemble(self._calls.only(parsed), secure=self._secure)
            self._pinned[parsed] = pinned
        return self._pinned[parsed]

    async def close(self) -> None:
        """Close every channel; what still waits on one is cancelled."""
        await self._connections.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
