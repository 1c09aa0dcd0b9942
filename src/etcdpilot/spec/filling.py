"""Every default filled in: from what the file says to the document that a ClusterSpec is built from.

The document is plain (texts, numbers, lists, maps with the field names of `model/cluster.py`), so that it can be kept
beside the file and built from again without reading YAML.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from etcdpilot.model.addresses import bracketed, is_address
from etcdpilot.model.cluster import UNREAD_ADDRESS
from etcdpilot.model.given import requested_files
from etcdpilot.spec import schema

Document = dict[str, Any]

FORMAT = 1  # of the document; one of another format is not built from but made anew
DISTINGUISHED = ("C", "ST", "L", "O", "OU")


def fill(file: schema.ClusterFile, folder: str) -> Document:
    """The whole document but etcd's options, which `options.py` judges and merges; `folder` is absolute."""
    hosts = file.hosts or schema.Hosts()
    etcd = file.etcd or schema.Etcd()
    kind = hosts.kind or "ssh"
    tls = fill_tls(file.tls or schema.Tls(), file.name, folder)
    document: Document = {
        "format": FORMAT,
        "name": file.name,
        "kind": kind,
        "version": etcd.version,
        "source": fill_source(etcd.source, folder),
        "bootstrap": fill_bootstrap(file.bootstrap or schema.Bootstrap(), folder),
        "token": file.token or "",
        "tls": tls,
        "timers": etcd.timers or ("loopback" if kind == "local" else "default"),
        "backup": fill_backup(file.backup, folder) if file.backup else None,
    }
    document["members"] = [
        fill_member(member, place, hosts, tls, file.tls, folder) for place, member in enumerate(file.members)
    ]
    if kind == "local":
        settle_on_this_machine(document)
    return document


def settle_on_this_machine(document: Document) -> None:
    """Local members run a binary where it stands, as whoever runs etcdpilot."""
    for member in document["members"]:
        member["service"]["user"] = ""
        if document["source"]["is"] == "directory":
            member["paths"]["bin"] = document["source"]["path"]


def fill_backup(backup: schema.Backup, folder: str) -> Document:
    """Options as the store takes them; what a directory of this machine is relative to is the file's folder."""
    files = {"credentials-file": backup.credentials_file, "ca-file": backup.ca_file}
    options = {"endpoint": backup.endpoint, "region": backup.region}
    there = backup.on_members or schema.OnMembers()
    schedule = backup.schedule or "daily"
    return {
        "store": backup.store,
        "options": {name: value for name, value in options.items() if value}
        | {name: beside(folder, path) for name, path in files.items() if path},
        "schedule": schedule,
        "keep": backup.keep.model_dump(exclude_none=True) if backup.keep else None,
        "on_members": {
            "directory": there.directory or "/var/backups/etcd",
            "schedule": there.schedule or schedule,
            "keep": there.keep or 7,
        },
    }


def fill_source(source: schema.Source | None, folder: str) -> Document:
    match source:
        case schema.Source(archive=str(archive)):
            digests = sorted((source.sha256 or {}).items())
            kept = [[which, digest] for which, digest in digests if digest != "published"]
            url = archive if "://" in archive else beside(folder, archive)
            return {"is": "archive", "url": url, "sha256": kept}
        case schema.Source(directory=str(directory)):
            return {"is": "directory", "path": beside(folder, directory)}
        case schema.Source(package=schema.Package(names=names, suite=suite)):
            return {"is": "package", "names": names, "suite": suite or ""}
        case schema.Source(wheel=True):
            return {"is": "wheel"}
        case _:
            return {"is": "found"}


def fill_bootstrap(bootstrap: schema.Bootstrap, folder: str) -> Document:
    if bootstrap.discovery:
        found = bootstrap.discovery
        return {
            "is": "discovery",
            "url": found.url or "",
            "endpoints": found.endpoints or [],
            "token": found.token or "",
            **{
                name: beside(folder, path)
                for name, path in (("cacert", found.cacert), ("cert", found.cert), ("key", found.key))
                if path
            },
        }
    if bootstrap.dns:
        return {"is": "dns", "domain": bootstrap.dns.domain, "name": bootstrap.dns.name or ""}
    return {"is": "static"}


def fill_tls(tls: schema.Tls, cluster: str, folder: str) -> Document:
    subject = tls.subject or schema.Subject()
    lifetime = tls.lifetime or schema.Lifetime()
    single = tls.authorities == "single" or (tls.signer is not None and tls.authorities is None)
    files = fill_files(tls.files or schema.TlsFiles(), single)
    key = tls.key or "ecdsa-p256"
    return {
        "mode": tls.mode or "mutual",
        "profile": tls.profile or "per-member",
        "single_authority": single,
        "authority_name": tls.authority_name or f"{cluster}-ca",
        "key": key,
        "authority_key": tls.authority_key or key,
        "authority_lifetime": int(lifetime.ca.total_seconds()) if lifetime.ca else 10 * 365 * 86400,
        "leaf_lifetime": int(lifetime.leaf.total_seconds()) if lifetime.leaf else 365 * 86400,
        "subject": {
            "common_name": subject.CN or "",
            "parts": [[part, value] for part in DISTINGUISHED if (value := getattr(subject, part))],
        },
        "extra_names": tls.extra_names or [],
        "loopback_names": (tls.loopback or "https") == "https",
        "files": files,
        "client_file": tls.client_file or "",
        "given": fill_given(tls, files, folder),
        "signer": {"certificate": beside(folder, tls.signer.cert), "key": beside(folder, tls.signer.key)}
        if tls.signer
        else None,
        "sealed": tls.authority_passphrase is True,
    }


def fill_given(tls: schema.Tls, files: Document, folder: str) -> Document | None:
    """Where certificates of somebody else's making lie; None where they are made here."""
    if tls.certificates == "requested":
        return asdict(requested_files(one_pair=files["server_cert"] == files["peer_cert"]))
    if tls.given is None:
        return None
    said = tls.given
    paths = {
        "server_cert": said.server_cert,
        "server_key": said.server_key,
        "peer_cert": said.peer_cert or said.server_cert,
        "peer_key": said.peer_key or said.server_key,
        "client_ca": said.client_ca,
        "peer_ca": said.peer_ca or said.client_ca,
        "operator_cert": said.operator_cert,
        "operator_key": said.operator_key,
    }
    return {role: beside(folder, path) for role, path in paths.items()}


def fill_files(files: schema.TlsFiles, single: bool) -> Document:
    return {
        "server_cert": files.server_cert or "server.crt",
        "server_key": files.server_key or "server.key",
        "peer_cert": files.peer_cert or "peer.crt",
        "peer_key": files.peer_key or "peer.key",
        "client_ca": files.client_ca or ("ca.crt" if single else "client-ca.crt"),
        "peer_ca": files.peer_ca or ("ca.crt" if single else "peer-ca.crt"),
    }


def fill_member(
    member: schema.Member, place: int, hosts: schema.Hosts, tls: Document, said: schema.Tls | None, folder: str
) -> Document:
    local = hosts.kind == "local"
    paths = fill_paths(member, hosts, said, folder if local else "")
    return {
        "name": member.name,
        "host": member.host or member.address or "127.0.0.1",
        "ssh": fill_ssh(member.ssh or schema.Ssh(), hosts.ssh or schema.Ssh(), folder),
        "paths": paths,
        "service": fill_service(member.service or schema.Service(), hosts.service or schema.Service(), paths),
        **fill_urls(member, place, local, tls, (said.loopback if said else None) or "https"),
        "options": [],
        "interface": member.interface or "",
        "retire": member.retire or "",
        "zone": member.zone or "",
        "extra_names": member.extra_names or [],
    }


def fill_urls(member: schema.Member, place: int, local: bool, tls: Document, loopback: str) -> Document:
    """The four URL lists. Listen and advertise are two fields, filled here and never guessed from each other later."""
    scheme = "https" if tls["mode"] == "mutual" else "http"
    # Members of one machine need ports of their own: 2379 and 2380, 2381 and 2382, …
    step = 2 * place if local else 0
    client_port, peer_port = member.client_port or 2379 + step, member.peer_port or 2380 + step
    address = member.address or member.host or "127.0.0.1"
    if member.interface:
        # Read on the host later. `.invalid` is reserved (RFC 2606): it can never reach some other machine.
        address = f"{member.name}.{UNREAD_ADDRESS}"
    bound = bracketed(bindable(address, bool(member.interface)))
    clients = [f"{scheme}://{bound}:{client_port}"]
    # With TLS off the only client listener is the plain one, on the address and on loopback alike.
    if not local and loopback != "none" and bound not in ("0.0.0.0", "127.0.0.1", "localhost", "[::1]"):
        clients.append(f"{'http' if loopback == 'http' else scheme}://127.0.0.1:{client_port}")
    told = bracketed(address).lower()
    return {
        "listen_peer_urls": member.listen_peer_urls or [f"{scheme}://{bound}:{peer_port}"],
        "advertise_peer_urls": member.advertise_peer_urls or [f"{scheme}://{told}:{peer_port}"],
        "listen_client_urls": member.listen_client_urls or clients,
        "advertise_client_urls": member.advertise_client_urls or [f"{scheme}://{told}:{client_port}"],
    }


def bindable(address: str, read_later: bool) -> str:
    """etcd binds addresses only (`expected IP in URL for binding`), so behind a name it listens on all of them.

    0.0.0.0 is no wider than the certificates let it be: with mutual TLS nobody gets in without one, and with TLS off
    the file's reader is warned. Who wants less says `address:` or `interface:`.
    """
    return address if is_address(address) or address == "localhost" or read_later else "0.0.0.0"


def fill_ssh(own: schema.Ssh, shared: schema.Ssh, folder: str) -> Document:
    identity = own.identity or shared.identity
    return {
        "user": own.user or shared.user or "",
        "port": own.port or shared.port or 22,
        "identity": beside(folder, identity) if identity else "",
        "host_keys": own.host_keys or shared.host_keys or "strict",
        "jump": own.jump or shared.jump or "",
    }


def fill_paths(member: schema.Member, hosts: schema.Hosts, tls: schema.Tls | None, home: str) -> Document:
    """`home` is the folder that local members live below, empty for members on hosts."""
    own, shared = member.paths or schema.Paths(), hosts.paths or schema.Paths()
    room = f"{home}/members/{member.name}" if home else ""
    config = own.config or shared.config or room or "/etc/etcd"
    services = (member.service, hosts.service)
    env_file = next((service.env_file for service in services if service and service.env_file), None)
    return {
        "config": config,
        "data": own.data or shared.data or (f"{room}/data" if room else "/var/lib/etcd"),
        "bin": own.bin or shared.bin or (f"{home}/bin" if home else "/usr/local/bin"),
        "tls": (tls.directory if tls else None) or f"{config}/tls",
        "env_file": env_file or f"{config}/etcd.env",
    }


def fill_service(own: schema.Service, shared: schema.Service, paths: Document) -> Document:
    sandbox = own.sandbox if own.sandbox is not None else shared.sandbox
    return {
        "unit": own.unit or shared.unit or "etcd",
        "style": own.style or shared.style or "env-file",
        "user": own.user or shared.user or "etcd",
        "sandbox": sandbox is not False,
        "working_directory": own.working_directory or shared.working_directory or paths["data"],
        "settings": [list(pair) for pair in {**(shared.settings or {}), **(own.settings or {})}.items()],
    }


def beside(folder: str, path: str) -> str:
    """A path of this machine as it is meant: below home, below the file's own folder, or absolute already."""
    return str(Path(folder) / Path(path).expanduser())
