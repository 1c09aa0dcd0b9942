"""Cluster files that we write: the one of `etcdpilot init`, and the one of `etcdpilot up`.

Text without a YAML library, because both commands should answer at once. What is written loads again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from etcdpilot.model.errors import SpecError
from etcdpilot.spec import fields

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/@+-]*|~/[A-Za-z0-9._/@+-]*|[0-9]+(\.[0-9]+){2,}")
RELEASES = "https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz"
SCHEMA_LINE = "# yaml-language-server: $schema=./etcdpilot.schema.json      (etcdpilot schema > etcdpilot.schema.json)"


@dataclass(frozen=True, slots=True)
class HostArgument:
    """`[NAME=][USER@]HOST[:PORT]`, taken apart; empty and 0 where it is not said."""

    name: str
    user: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class LocalMember:
    """A member of this machine, its two ports, and the loopback address that it listens on."""

    name: str
    client_port: int
    peer_port: int
    address: str = "127.0.0.1"


def init_file(
    hosts: Sequence[str],
    *,
    name: str = "etcd",
    version: str,
    etcd_dir: str = "",
    user: str = "",
    identity: str = "",
    accept_new: bool = False,
) -> str:
    """A complete cluster file with comments for these hosts; SpecError names every argument that is wrong."""
    wrong: list[str] = []
    members = [argument for place, text in enumerate(hosts) if (argument := _read(text, place, wrong))]
    _check(wrong, "--name", fields.name, name, needed=True)
    _check(wrong, "--etcd-version", fields.version, version, needed=True)
    _check(wrong, "--user", fields.ssh_user, user)
    _check(wrong, "--identity", fields.local_path, identity)
    _check(wrong, "--etcd-dir", fields.local_path, etcd_dir)
    wrong += [f"{what} is given twice" for what in _twice(members)]
    if not hosts:
        wrong.append("name at least one host: etcdpilot init 10.0.1.10 10.0.1.11 10.0.1.12")
    _refuse(wrong)
    return _INIT.format(
        schema=SCHEMA_LINE,
        name=plain_or_quoted(name),
        version=plain_or_quoted(fields.version(version)),
        source=_source(etcd_dir),
        ssh=_ssh(user, identity, accept_new),
        members="\n".join(_member(member) for member in members),
    )


def local_file(
    name: str,
    members: Sequence[LocalMember],
    *,
    version: str = "",
    etcd_dir: str = "",
    tls: bool = True,
    timers: str = "loopback",
    options: Mapping[str, str] | None = None,
) -> str:
    """The file of `etcdpilot up`. Without `version` and `etcd_dir` it is run by whatever binary is found."""
    wrong: list[str] = []
    _check(wrong, "NAME", fields.name, name, needed=True)
    _check(wrong, "--etcd-version", fields.version, version)
    _check(wrong, "--etcd", fields.local_path, etcd_dir)
    for member in members:
        _check(wrong, "member", fields.name, member.name, needed=True)
        _check(wrong, "--address", fields.host, member.address, needed=True)
        _check(wrong, "--port", lambda text: str(fields.port(text)), str(member.client_port))
        _check(wrong, "--port", lambda text: str(fields.port(text)), str(member.peer_port))
    if not members:
        wrong.append("--members must be at least 1")
    _refuse(wrong)
    etcd = {"version": version, "timers": timers} if version else {"timers": timers}
    lines = ["# Written by `etcdpilot up`; `etcdpilot down` stops what it describes.", f"name: {plain_or_quoted(name)}"]
    lines += ["etcd:", *(f"  {key}: {plain_or_quoted(value)}" for key, value in etcd.items())]
    lines += [f"  source: {{directory: {plain_or_quoted(etcd_dir)}}}"] if etcd_dir else []
    if options:
        lines += [
            "  options:",
            *(f"    {plain_or_quoted(key)}: {plain_or_quoted(value)}" for key, value in options.items()),
        ]
    lines += ["hosts: {kind: local}"] + ([] if tls else ["tls: {mode: off}"])
    return "\n".join([*lines, "members:", *(_local_member(member) for member in members)]) + "\n"


_INIT = """\
{schema}
name: {name}
etcd:
  version: {version}
  source:
{source}
  # etcd's own options, checked against this release; `etcdpilot plan` shows what a change would restart.
  options:
    quota-backend-bytes: 8GiB
    auto-compaction-mode: periodic
    auto-compaction-retention: 1h
hosts:                                   # defaults for every member
{ssh}
  paths: {{config: /etc/etcd, data: /var/lib/etcd, bin: /usr/local/bin}}
  service: {{unit: etcd, user: etcd, style: env-file}}       # or style: flags | mixed
tls:
  mode: mutual                           # every client and every member shows a certificate
  profile: per-member                    # key pairs of its own for each member, under two authorities
  key: ecdsa-p256
  lifetime: {{ca: 10y, leaf: 1y}}          # leaves are renewed when a third of their life is left
# `host` is where SSH goes. Where members and clients use another address, add address: or interface:.
members:
{members}
"""


def _read(text: str, place: int, wrong: list[str]) -> HostArgument | None:
    name, equals, rest = text.rpartition("=")
    user, at, target = rest.rpartition("@")
    host, port = fields.split_port(target)
    try:
        if (equals and not name) or (at and not user) or (":" in target and not port and ":" not in host):
            raise ValueError("write it as HOST, USER@HOST:PORT or NAME=HOST")
        return HostArgument(
            fields.name(name) if name else f"etcd-{place}",
            fields.ssh_user(user) if user else "",
            fields.host(host),
            fields.port(port) if port else 0,
        )
    except ValueError as error:
        wrong.append(f"{fields.shown(text)}: {error}")
        return None


def _twice(members: Iterable[HostArgument]) -> list[str]:
    seen: set[str] = set()
    keys = [
        key for member in members for key in (f"the name {member.name}", f"the host {member.host} {member.port or ''}")
    ]
    return [key.strip() for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]


def _check(wrong: list[str], flag: str, check: Callable[[str], str], text: str, *, needed: bool = False) -> None:
    try:
        if text or needed:
            check(text)
    except ValueError as error:
        wrong.append(f"{flag}: {error}")


def _refuse(wrong: list[str]) -> None:
    if wrong:
        raise SpecError("The arguments do not make a cluster.", why="\n".join(dict.fromkeys(wrong)))


def _source(etcd_dir: str) -> str:
    if etcd_dir:
        return f"    directory: {plain_or_quoted(etcd_dir)}        # holds etcd, etcdctl and etcdutl"
    return (
        f"    archive: {RELEASES}\n"
        "    # `published` trusts the SHA256SUMS beside the archive; the digest itself, written here, trusts nobody.\n"
        "    sha256: published"
    )


def _ssh(user: str, identity: str, accept_new: bool) -> str:
    keys = {"user": user, "identity": identity}
    said = [f"{key}: {plain_or_quoted(value)}" for key, value in keys.items() if value]
    said.append(f"host-keys: {'accept-new' if accept_new else 'strict'}")
    note = "unknown host keys are enrolled" if accept_new else "host keys must stand in known_hosts; or accept-new"
    return f"  ssh: {{{', '.join(said)}}}       # {note}; ~/.ssh/config is honoured"


def _member(member: HostArgument) -> str:
    ssh = {"user": plain_or_quoted(member.user) if member.user else "", "port": str(member.port) if member.port else ""}
    said = ", ".join(f"{key}: {value}" for key, value in ssh.items() if value)
    own = f", ssh: {{{said}}}" if said else ""
    return f"  - {{name: {plain_or_quoted(member.name)}, host: {plain_or_quoted(member.host)}{own}}}"


def _local_member(member: LocalMember) -> str:
    address = "" if member.address == "127.0.0.1" else f"address: {plain_or_quoted(member.address)}, "
    ports = f"client-port: {member.client_port}, peer-port: {member.peer_port}"
    return f"  - {{name: {plain_or_quoted(member.name)}, {address}{ports}}}"


def plain_or_quoted(text: str) -> str:
    """A text as it can stand anywhere in YAML, quoted where another reader would take it for something else."""
    plain = PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
