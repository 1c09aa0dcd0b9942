"""A member's peer listener for a moment, before the cluster has heard of it: the real etcd, with the member's own
certificates and URLs, on a directory of its own that goes with it.

It ends with the connection that began it, so that a controller which dies leaves no port taken.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from etcdpilot.hosts.port import Host
from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.errors import HostFailed

# $1 a directory beside the data's, $2 etcd; then its flags. Ends when its input does, or after twenty seconds; says why
# etcd ended when that was not asked for.
LISTEN = r"""
place=$1 etcd=$2
shift 2
rm -rf -- "$place" && mkdir -p -m 700 -- "$place" || exit
exec 3<&0
env -i PATH="$PATH" "$etcd" --data-dir "$place/data" "$@" >"$place/log" 2>&1 </dev/null &
etcd=$!
{ timeout 20 cat <&3 >/dev/null 2>&1; kill -9 "$etcd" 2>/dev/null; } &
wait "$etcd" 2>/dev/null
status=$?
[ "$status" = 137 ] || tail -n 3 -- "$place/log" >&2
rm -rf -- "$place"
[ "$status" = 137 ]
"""

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@dataclass(frozen=True, slots=True)
class Trial:
    """`options` are etcd's own about its peer listener; `beside` is a path that nothing else uses."""

    etcd: str
    beside: str
    options: dict[str, str]

    @property
    def urls(self) -> tuple[MemberUrl, ...]:
        return tuple(MemberUrl.parse(url) for url in self.options["listen-peer-urls"].split(","))


@asynccontextmanager
async def listening(host: Host, trial: Trial) -> AsyncIterator[None]:
    """Somebody listens where the member will. HostFailed when nobody can."""
    from etcdpilot.hosts.ssh import SshHost

    if isinstance(host, SshHost):
        async with host.shell.hold("listening where it will", LISTEN, *arguments(trial)):
            yield
    else:
        async with listening_here(host, trial):
            yield


def arguments(trial: Trial) -> tuple[str, ...]:
    """A cluster of one that nobody knows; clients are served on a port of loopback that the system chooses."""
    advertised = trial.options["initial-advertise-peer-urls"].split(",")
    flags = trial.options | {
        "name": "probe",
        "initial-cluster": ",".join(f"probe={url}" for url in advertised),
        "initial-cluster-token": "probe",
        "listen-client-urls": "http://127.0.0.1:0",
        "advertise-client-urls": "http://127.0.0.1:0",
    }
    return (trial.beside, trial.etcd, *(f"--{name}={value}" for name, value in flags.items()))


@asynccontextmanager
async def listening_here(host: Host, trial: Trial) -> AsyncIterator[None]:
    """On this machine nothing lies between the members; what can be wrong is the port and the certificates."""
    servers = []
    try:
        context = server_context(trial.options)
        for url in trial.urls:
            servers.append(await asyncio.start_server(say_something, url.host, url.port, ssl=context))
    except OSError as error:  # an SSLError is one too
        for server in servers:
            server.close()
        raise HostFailed(
            host.name,
            f"{host.name} cannot listen at {trial.options['listen-peer-urls']}.",
            why=f"{error.strerror or error}.",
            remedy="Nothing was registered. Put that right and run this again.",
        ) from error
    try:
        yield
    finally:
        for server in servers:
            server.close()


async def say_something(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        if await reader.read(4096):
            writer.write(ANSWER)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def server_context(options: dict[str, str]) -> ssl.SSLContext | None:
    if "peer-cert-file" not in options:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["peer-cert-file"], options["peer-key-file"])
    if options.get("peer-client-cert-auth") == "true":
        context.load_verify_locations(options["peer-trusted-ca-file"])
        context.verify_mode = ssl.CERT_REQUIRED
    return context
