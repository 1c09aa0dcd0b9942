"""Each example that is shipped, applied on booted hosts: what its guide promises is what comes out."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from etcdpilot.model.identity import as_hex, member_id
from lab import Lab
from lab.host import Host
from lab.probes import until
from tests.etcd_versions import Etcd, all_versions
from tests.hosts.site import Site, pid

LONG = bool(os.environ.get("ETCDPILOT_LONG"))
EXAMPLES = Path(__file__).parents[2] / "examples"
HAD = {each.version: each for each in all_versions()}
VERSIONS = [each for each in all_versions() if each.line != (3, 5) or each.version == "3.5.30"]
ADDRESS = re.compile(r"\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+\b")


def versions(*usual: str) -> pytest.MarkDecorator:
    """These, where the machine has them; in the long form every line."""
    chosen = VERSIONS if LONG else [HAD[each] for each in usual if each in HAD]
    return pytest.mark.parametrize("etcd", chosen, ids=str)


def applied(lab: Lab, folder: Path, example: str, etcd: Etcd) -> Site:
    """The example with the lab's addresses in place of those of the documentation, and this etcd."""
    text = (EXAMPLES / f"{example}.yaml").read_text()
    found = list(dict.fromkeys(ADDRESS.findall(text)))
    assert len(found) == 3
    for old, host in zip(found, lab.hosts, strict=True):
        text = text.replace(old, host.address)
    text = re.sub(r"version: 3\.\S+", f"version: {etcd.version}", text)
    text = re.sub(r"  source:\n(?:    .*\n)+", f"  source: {{directory: {etcd.directory}}}\n", text)
    if etcd.line >= (3, 6):
        text = re.sub(r"  options: \{enable-v2: true\}.*\n", "", text)
    name = re.search(r"^name: (\S+)", text, re.MULTILINE)
    assert name is not None
    site = Site(lab, folder, name[1]).write(text)
    site.apply()
    assert site.healthy() and site.settled()
    return site


def x509(host: Host, path: str, *what: str) -> str:
    argv = ["openssl", "x509", "-noout", *what]
    return subprocess.run(argv, input=host.read(path), capture_output=True, text=True, check=True).stdout


def alternative_names(host: Host, path: str) -> set[str]:
    lines = x509(host, path, "-ext", "subjectAltName").splitlines()
    return {part.strip().partition(":")[2] for part in lines[1].split(",")}


def verified(host: Host, ca: str, path: str, tmp_path: Path) -> bool:
    for name, source in (("ca", ca), ("leaf", path)):
        (tmp_path / name).write_text(host.read(source))
    argv = ["openssl", "verify", "-CAfile", str(tmp_path / "ca"), str(tmp_path / "leaf")]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip().endswith("OK")


def shown(host: Host, *properties: str) -> dict[str, str]:
    said = host.says("systemctl show etcd " + " ".join(f"-p {each}" for each in properties))
    return dict(line.split("=", 1) for line in said.splitlines())


def v2_is_healthy(site: Site) -> None:
    second = {"env": {"ETCDCTL_API": "2"}}
    said = site.ctl("cluster-health", **second)
    healthy = re.findall(r"member ([0-9a-f]+) is healthy: got healthy result from https://(\S+):2379", said)
    assert sorted(address for _, address in healthy) == sorted(host.address for host in site.lab.hosts)
    assert said.rstrip().endswith("cluster is healthy")
    listed = site.ctl("member", "list", **second).splitlines()
    assert sorted(line.partition(":")[0] for line in listed) == sorted(number for number, _ in healthy)
    assert sum("isLeader=true" in line for line in listed) == 1


def v3_is_healthy(site: Site) -> None:
    done = site.run("ctl", "--", "endpoint", "health", "--cluster")
    assert (done.stdout + done.stderr).count("is healthy: successfully committed proposal") == 3
    table = table_of(site.ctl("endpoint", "status", "--cluster", "--write-out=table"))
    heads = [cell.strip() for cell in table[1].strip("|").split("|")]
    for head in (
        "ENDPOINT",
        "ID",
        "VERSION",
        "DB SIZE",
        "IS LEADER",
        "IS LEARNER",
        "RAFT TERM",
        "RAFT INDEX",
        "ERRORS",
    ):
        assert head in heads, heads
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[3:-1]]
    assert len(rows) == 3 and sum(row[heads.index("IS LEADER")] == "true" for row in rows) == 1
    listed = site.ctl("member", "list").splitlines()
    assert len(listed) == 3 and all(", started, " in line for line in listed)


def table_of(said: str) -> list[str]:
    """Its lines; since 3.5.30 etcdctl draws them with the characters for boxes."""
    return said.replace("│", "|").splitlines()


def ids_are_foretold(site: Site, token: str, scheme: str = "https") -> None:
    wanted = {as_hex(member_id([f"{scheme}://{host.address}:2380"], token)) for host in site.lab.hosts}
    assert {line.partition(",")[0] for line in site.ctl("member", "list").splitlines()} == wanted


def without_certificate(site: Site, host: Host) -> int:
    """The exit code of an etcdctl on the host that shows no certificate to the https listener."""
    ctl = host.says("command -v etcdctl")
    trust = host.says(
        "ls /etc/kubernetes/ssl/ca.pem /app/etcd/ssl/ca.pem /etc/kubernetes/pki/etcd/ca.pem 2>/dev/null || :"
    )
    line = (
        f"{ctl} --cacert={trust} --endpoints=https://{host.address}:2379 --dial-timeout=1s --command-timeout=2s get x"
    )
    return host.run(f"ETCDCTL_API=3 {line}", check=False).returncode


@versions("3.5.30")
def test_one_certificate_for_everything(three_hosts: Lab, tmp_path: Path, etcd: Etcd) -> None:
    site = applied(three_hosts, tmp_path / "site", "kubernetes-one-certificate", etcd)
    addresses = {host.address for host in three_hosts.hosts}
    for host in three_hosts.hosts:
        assert shown(host, "Type", "Restart", "RestartUSec", "LimitNOFILE", "UnitFileState", "WorkingDirectory") == {
            "Type": "notify",
            "Restart": "on-failure",
            "RestartUSec": "5s",
            "LimitNOFILE": "65536",
            "UnitFileState": "enabled",
            "WorkingDirectory": "!/var/lib/etcd",
        }
        pem = "/etc/kubernetes/ssl/kubernetes.pem"
        assert addresses | {"127.0.0.1"} <= alternative_names(host, pem)
        usage = x509(host, pem, "-ext", "extendedKeyUsage")
        assert "TLS Web Server Authentication" in usage and "TLS Web Client Authentication" in usage
        assert verified(host, "/etc/kubernetes/ssl/ca.pem", pem, tmp_path)
        assert host.read(pem) == three_hosts.hosts[0].read(pem)
        assert host.run("ls /etc/kubernetes/ssl/ca-key.pem", check=False).returncode != 0
        assert "--initial-cluster=" in host.says("systemctl cat etcd")
        assert without_certificate(site, host) != 0
    if etcd.line < (3, 6):
        v2_is_healthy(site)
    v3_is_healthy(site)
    ids_are_foretold(site, "etcd-cluster-0")
    # On the host itself, through https on loopback, with the one certificate.
    tls = "--cacert=/etc/kubernetes/ssl/ca.pem --cert=/etc/kubernetes/ssl/kubernetes.pem"
    key = "--key=/etc/kubernetes/ssl/kubernetes-key.pem"
    done = three_hosts.hosts[0].run(f"ETCDCTL_API=3 /bin/etcdctl {tls} {key} endpoint health 2>&1")
    assert "is healthy" in done.stdout
    without_endpoints(three_hosts.hosts[0], etcd, f"{tls} {key}")
    flannels_network(site, tmp_path)
    killed_and_back(three_hosts.hosts[1])
    assert until(site.healthy)


def without_endpoints(host: Host, etcd: Etcd, keys: str) -> None:
    """What guides warn of: nothing but the v2 client needs an endpoint to be named, and `localhost` is signed here."""
    named = host.run(f"ETCDCTL_API=3 /bin/etcdctl {keys} --endpoints=https://localhost:2379 endpoint health 2>&1")
    assert "https://localhost:2379 is healthy" in named.stdout
    plain = "ETCDCTL_API=3 /bin/etcdctl --dial-timeout=1s --command-timeout=2s get x 2>&1"
    assert host.run(plain, check=False).returncode != 0  # http, spoken to a port of https
    if etcd.line < (3, 6):
        second = (
            keys.replace("--cacert", "--ca-file").replace("--cert=", "--cert-file=").replace("--key=", "--key-file=")
        )
        bare = host.run(f"ETCDCTL_API=2 /bin/etcdctl {second} cluster-health 2>&1", check=False)
        assert bare.returncode != 0 and "etcd cluster is unavailable or misconfigured" in bare.stdout
        said = host.says(f"ETCDCTL_API=2 /bin/etcdctl {second} --endpoints https://127.0.0.1:2379 cluster-health")
        assert said.endswith("cluster is healthy")


def flannels_network(site: Site, tmp_path: Path) -> None:
    """From standard input, as guides write it; it comes back to the byte. So do keys as Kubernetes has them."""
    text = (
        '{\n  "Network": "172.16.0.0/16",\n  "SubnetLen": 24,\n  "Backend": {\n'
        '    "Type": "vxlan",\n    "VNI": 1\n  }\n}\n'
    )
    assert site.ctl("put", "/k8s/network/config", input=text) == "OK\n"
    assert site.ctl("get", "/k8s/network/config", "--print-value-only") == text + "\n"
    for name in ("default", "automodel"):
        site.ctl("put", f"/registry/namespaces/{name}", "{}")
    listed = site.ctl("get", "/", "--prefix", "--keys-only").split("\n\n")
    assert "/registry/namespaces/automodel" in listed and "/k8s/network/config" in listed
    said = json.loads(site.ctl("get", "/registry/namespaces/automodel", "-w=json"))
    assert said["kvs"][0]["key"] == "L3JlZ2lzdHJ5L25hbWVzcGFjZXMvYXV0b21vZGVs"


def killed_and_back(host: Host) -> None:
    before = pid(host)
    assert host.kill("etcd") == 1
    assert until(lambda: pid(host) not in ("0", before) and host.show("etcd", "ActiveState") == "active", 20)
    assert host.show("etcd", "NRestarts") == "1"


@versions("3.4.23")
def test_everything_below_one_application_directory(three_hosts: Lab, tmp_path: Path, etcd: Etcd) -> None:
    site = applied(three_hosts, tmp_path / "site", "app-directory", etcd)
    addresses = {host.address for host in three_hosts.hosts}
    for host in three_hosts.hosts:
        found = shown(host, "User", "Restart", "LimitNOFILE", "WorkingDirectory", "EnvironmentFiles")
        assert (found["User"], found["Restart"], found["LimitNOFILE"]) == ("root", "on-failure", "65536")
        assert found["WorkingDirectory"] == "!/app/etcddata" and "/app/etcd/etcd.conf" in found["EnvironmentFiles"]
        assert host.run("test -d /app/etcddata/member").returncode == 0
        for role in ("server", "peer"):
            pem = f"/app/etcd/ssl/{role}.pem"
            assert addresses | {"localhost"} <= alternative_names(host, pem)
            assert "id-ecPublicKey" in x509(host, pem, "-text") and "CN = etcd-0" in x509(host, pem, "-subject")
            assert verified(host, "/app/etcd/ssl/ca.pem", pem, tmp_path)
        # Plain http on its own loopback wants no certificate; https on its address does.
        assert "is healthy" in host.run("ETCDCTL_API=3 etcdctl endpoint health 2>&1").stdout
        assert without_certificate(site, host) != 0
        # Each option stands in one place: etcd since 3.4 dies of the same one in two.
        assert "shadowed" not in host.journal("etcd")
        ca = x509(host, "/app/etcd/ssl/ca.pem", "-text")
        assert "CN = etcd" in ca and "Public-Key: (2048 bit)" in ca
        # The authority outlives what it signs: its ten years end no earlier than theirs.
        assert "not expire" in x509(host, "/app/etcd/ssl/ca.pem", "-checkend", str(3649 * 86400))
    automatic_certificates(site, three_hosts.hosts[2])
    if etcd.line < (3, 6):
        v2_is_healthy(site)
    v3_is_healthy(site)
    ids_are_foretold(site, "etcd-cluster-0")


def automatic_certificates(site: Site, host: Host) -> None:
    """Guides ask for AUTO_TLS beside certificates, which etcd then ignores; the cluster file has one place for that."""
    text = site.file.read_text()
    options = "options: {auto-tls: true, peer-auto-tls: true"
    asked = text.replace("options: {", f"{options}, ")
    if asked == text:
        asked = text.replace("hosts:\n", f"  {options}}}\nhosts:\n", 1)
    refused = site.write(asked).apply(code=2)
    assert "auto-tls" in refused and "peer-auto-tls" in refused and "tls.mode" in refused
    site.write(text)
    host.run('printf \'ETCD_AUTO_TLS="true"\\nETCD_PEER_AUTO_TLS="true"\\n\' >> /app/etcd/etcd.conf')
    host.run("systemctl restart etcd")
    assert until(lambda: "ignoring peer auto TLS since certs given" in host.journal("etcd"))
    assert "ignoring client auto TLS since certs given" in host.journal("etcd")
    assert until(site.healthy)
    site.apply()
    assert "AUTO_TLS" not in host.read("/app/etcd/etcd.conf") and site.healthy() and site.settled()


@versions("3.5.30")
def test_plain_http_and_a_member_that_returns_without_its_initial_options(
    three_hosts: Lab, tmp_path: Path, etcd: Etcd
) -> None:
    site = applied(three_hosts, tmp_path, "plain-http-static", etcd)
    ids_are_foretold(site, "etcd-cluster-2", "http")
    site.ctl("put", "kept", "yes")
    host = three_hosts.hosts[2]
    before = pid(host)
    host.run("sed -i /ETCD_INITIAL/d /etc/etcd/etcd.env")
    assert host.kill("etcd") == 1
    assert until(lambda: pid(host) not in ("0", before) and host.show("etcd", "ActiveState") == "active", 20)
    assert host.show("etcd", "NRestarts") == "1"
    assert until(site.healthy)
    bare = f"ETCDCTL_API=3 etcdctl --endpoints=http://{host.address}:2379 get kept --print-value-only"
    assert host.says(bare) == "yes"
    returned = pid(host)
    site.apply()
    assert 'ETCD_INITIAL_CLUSTER_STATE="existing"' in host.read("/etc/etcd/etcd.env") and pid(host) == returned


@versions("3.5.30")
def test_certificates_made_out_to_each_host(three_hosts: Lab, tmp_path: Path, etcd: Etcd) -> None:
    site = applied(three_hosts, tmp_path / "site", "certificates-per-host", etcd)
    folder = "/etc/kubernetes/pki/etcd"
    for number, host in enumerate(three_hosts.hosts, 100):
        assert shown(host, "Restart", "RestartUSec", "LimitNOFILE", "TimeoutStartUSec", "UnitFileState") == {
            "Restart": "always",
            "RestartUSec": "5s",
            "LimitNOFILE": "40000",
            "TimeoutStartUSec": "infinity",
            "UnitFileState": "enabled",
        }
        for role in ("server", "peer"):
            assert alternative_names(host, f"{folder}/{role}.pem") == {f"master-{number}", host.address}
            assert verified(host, f"{folder}/ca.pem", f"{folder}/{role}.pem", tmp_path)
        usage = x509(host, f"{folder}/client.pem", "-ext", "extendedKeyUsage")
        assert "Client" in usage and "Server" not in usage
        assert without_certificate(site, host) != 0
        client = f"--cacert={folder}/ca.pem --cert={folder}/client.pem --key={folder}/client-key.pem"
        everybody = ",".join(f"https://{each.address}:2379" for each in three_hosts.hosts)
        table = host.says(f"ETCDCTL_API=3 etcdctl --endpoints={everybody} {client} -w table endpoint status")
        assert table.count("https://") == 3
    v3_is_healthy(site)
    ids_are_foretold(site, "my-etcd-token")
    keys_as_guides_type_them(site)
    # `Restart=always` would start a removed member for ever, for it ends with 0: its unit is disabled.
    name = site.says("status")["members"][2]["name"]
    site.run("member", "remove", name, "--yes")
    gone = three_hosts.hosts[2]
    assert until(lambda: gone.show("etcd", "ActiveState") == "inactive")
    assert gone.show("etcd", "UnitFileState") == "disabled" and not gone.pids("etcd")
    assert site.ctl("member", "list").count(", started, ") == 2


def keys_as_guides_type_them(site: Site) -> None:
    site.ctl("put", "foo", "bar")
    # Unquoted in a shell, braces become two words, and etcdctl drops the second in silence.
    site.ctl("put", "testjson", "PublishedPort:11111", "Labels:[{com.test.env:dev}]")
    nodes = {f"/docker/node/n0{n}": f"192.168.100.11{n}" for n in (1, 2, 3)}
    services = {"/docker/service/s01": "1005", "/docker/service/s02": "1007"}
    for key, value in {**nodes, **services}.items():
        assert site.ctl("put", key, value) == "OK\n"

    def lines(found: dict[str, str]) -> str:
        return "".join(f"{key}\n{value}\n" for key, value in found.items())

    assert site.ctl("get", "foo") == "foo\nbar\n" and site.ctl("get", "missing") == ""
    assert site.ctl("get", "--prefix", "/docker/node") == lines(nodes)
    assert site.ctl("get", "--prefix", "/docker/service") == lines(services)
    assert site.ctl("get", "--prefix", "/docker") == lines({**nodes, **services})
    everything = {**nodes, **services, "foo": "bar", "testjson": "PublishedPort:11111"}
    assert site.ctl("get", "--prefix", "") == lines(everything)
    said = json.loads(site.ctl("get", "-w", "json", "foo"))
    assert list(said) == ["header", "kvs", "count"]
    assert list(said["header"]) == ["cluster_id", "member_id", "revision", "raft_term"]
    assert (said["kvs"][0]["key"], said["kvs"][0]["value"], said["count"]) == ("Zm9v", "YmFy", 1)


@versions("3.4.23")
def test_an_env_file_beside_certificates_in_the_unit(three_hosts: Lab, tmp_path: Path, etcd: Etcd) -> None:
    site = applied(three_hosts, tmp_path / "site", "env-file", etcd)
    addresses = {host.address for host in three_hosts.hosts}
    for number, host in enumerate(three_hosts.hosts):
        found = shown(host, "Restart", "RestartUSec", "LimitNOFILE", "UnitFileState", "EnvironmentFiles")
        # A stray backslash in the guides' unit leaves `Restart=no` in force.
        assert (found["Restart"], found["RestartUSec"], found["LimitNOFILE"]) == ("on-failure", "5s", "65536")
        assert found["UnitFileState"] == "enabled" and "/etc/etcd/etcd.conf" in found["EnvironmentFiles"]
        environment = host.read("/etc/etcd/etcd.conf")
        assert f'ETCD_NAME="etcd{number}"' in environment and "CERT_FILE" not in environment
        unit = host.says("systemctl cat etcd")
        assert "--cert-file=/etc/kubernetes/ssl/etcd.pem" in unit and "--name" not in unit
        pem = "/etc/kubernetes/ssl/etcd.pem"
        assert addresses | {"127.0.0.1"} <= alternative_names(host, pem)
        assert verified(host, "/etc/kubernetes/ssl/ca.pem", pem, tmp_path)
        assert "CN = kubernetes" in x509(host, pem, "-issuer") and "CN = etcd" in x509(host, pem, "-subject")
        # The authority lives ten years, as its leaves do.
        assert "not expire" in x509(host, "/etc/kubernetes/ssl/ca.pem", "-checkend", str(3649 * 86400))
    health = table_of(site.ctl("endpoint", "--cluster", "health", "--write-out=table"))
    assert [cell.strip() for cell in health[1].strip("|").split("|")] == ["ENDPOINT", "HEALTH", "TOOK", "ERROR"]
    assert sum("true" in line for line in health) == 3
    v3_is_healthy(site)
    ids_are_foretold(site, "etcd-cluster")
    scheme_less = ",".join(f"{host.address}:2379" for host in three_hosts.hosts)
    status = table_of(site.ctl("--endpoints", scheme_less, "endpoint", "status", "--write-out=table"))
    assert (
        sum(f"| {host.address}:2379 " in line.replace("  ", " ") for host in three_hosts.hosts for line in status) == 3
    )
    three_hosts.power_cut_all()
    three_hosts.power_on_all()
    assert until(site.healthy, 60)
