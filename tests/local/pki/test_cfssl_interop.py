"""Ours and cfssl's from the same JSON, field by field; and who accepts which."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcdpilot.model.certificates import CertificateFacts
from etcdpilot.pki.cfssl.bundling import bundle
from etcdpilot.pki.cfssl.defaults import print_defaults
from etcdpilot.pki.cfssl.errors import CfsslError
from etcdpilot.pki.cfssl.issuing import generate, init_authority, load_signer, sign
from etcdpilot.pki.cfssl.looking import certificate_info
from etcdpilot.pki.cfssl.output import Output
from etcdpilot.pki.reading import key_matches, read_certificate
from tests.local.pki.real_cfssl import Cfssl, cfssl_or_skip
from tests.local.raw_etcd import Binaries, RawCluster, usual_binaries

DATA = Path(__file__).parent.parent.parent / "data" / "cfssl"

# Layout, profile, request: every certificate that the common tutorials make, besides their CAs.
LEAVES = [
    ("three-profiles", "server", "config.json"),
    ("three-profiles", "peer", "config.json"),
    ("per-node", "client", "client.json"),
    *((("per-node", profile, f"master-{n}.json")) for n in (11, 12, 13) for profile in ("server", "peer")),
    ("one-profile", "kubernetes", "etcd-csr.json"),
    ("one-pair", "kubernetes", "kubernetes-csr.json"),
]
LAYOUTS = ["three-profiles", "per-node", "one-profile", "one-pair"]


@pytest.fixture(scope="module")
def cfssl() -> Cfssl:
    return cfssl_or_skip()


@dataclass(frozen=True)
class Layout:
    """One layout's CA, made by each of the two, as files ca.pem and ca-key.pem below `ours` and `theirs`."""

    name: str
    ours: Path
    theirs: Path

    def our_signer(self, profile: str, side: Path):
        config = (DATA / self.name / "ca-config.json").read_text()
        return load_signer((side / "ca.pem").read_bytes(), (side / "ca-key.pem").read_bytes(), config, profile)


@pytest.fixture(scope="module")
def layouts(cfssl: Cfssl, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layout]:
    return {name: _make_layout(cfssl, name, tmp_path_factory.mktemp(name)) for name in LAYOUTS}


def _make_layout(cfssl: Cfssl, name: str, folder: Path) -> Layout:
    layout = Layout(name, folder / "ours", folder / "theirs")
    text = (DATA / name / "ca-csr.json").read_text()
    for side, made in ((layout.ours, init_authority(text, datetime.now(UTC))), (layout.theirs, None)):
        side.mkdir()
        _write(side, "ca", made or cfssl.make("gencert", "-initca", str(DATA / name / "ca-csr.json")))
    return layout


def _write(folder: Path, name: str, made: Output) -> None:
    for file in made.files(name):
        (folder / file.name).write_bytes(file.content)
        (folder / file.name).chmod(file.mode)


def theirs(cfssl: Cfssl, layout: Layout, profile: str, request: str, side: Path) -> Output:
    data = DATA / layout.name
    ca = [f"-ca={side}/ca.pem", f"-ca-key={side}/ca-key.pem", f"-config={data}/ca-config.json", f"-profile={profile}"]
    return cfssl.make("gencert", *ca, str(data / request))


def ours(layout: Layout, profile: str, request: str, side: Path) -> Output:
    return generate((DATA / layout.name / request).read_text(), layout.our_signer(profile, side), datetime.now(UTC))


def fields(facts: CertificateFacts) -> dict[str, object]:
    """All that both must agree on; keys, serials and the minute of making are each one's own."""
    return {
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": (facts.dns_names, facts.ip_addresses, facts.other_names),
        "key": (facts.key_algorithm, facts.key_size),
        "usages": facts.usages,
        "extended usages": facts.extended_usages,
        "authority": (facts.is_ca, facts.path_length),
        "lifetime": facts.not_after - facts.not_before,
        "signature": facts.signature,
    }


@pytest.mark.parametrize("name", LAYOUTS)
def test_our_ca_says_what_cfssls_says(layouts: dict[str, Layout], name: str):
    our, their = (
        read_certificate((side / "ca.pem").read_bytes()) for side in (layouts[name].ours, layouts[name].theirs)
    )
    assert fields(our) == fields(their)
    assert abs(our.not_before - their.not_before) <= timedelta(minutes=2)
    assert our.subject_key_id and their.subject_key_id


@pytest.mark.parametrize(("name", "profile", "request_file"), LEAVES)
@pytest.mark.parametrize("under", ["ours", "theirs"])
def test_our_leaf_says_what_cfssls_says(
    cfssl: Cfssl, layouts: dict[str, Layout], name: str, profile: str, request_file: str, under: str
):
    layout = layouts[name]
    side: Path = getattr(layout, under)
    our = ours(layout, profile, request_file, side)
    their = theirs(cfssl, layout, profile, request_file, side)
    assert fields(read_certificate(our.certificate)) == fields(read_certificate(their.certificate))
    assert key_matches(our.key, our.certificate) and our.key[:30] == their.key[:30]
    # An improvement: cfssl leaves the authority's identifier out where leaf and CA have one subject.
    issuer = read_certificate((side / "ca.pem").read_bytes())
    assert read_certificate(our.certificate).authority_key_id == issuer.subject_key_id


@pytest.mark.parametrize(("name", "profile", "request_file"), LEAVES)
def test_openssl_and_python_accept_our_leaf(
    layouts: dict[str, Layout], tmp_path: Path, name: str, profile: str, request_file: str
):
    layout = layouts[name]
    for side in (layout.ours, layout.theirs):
        made = ours(layout, profile, request_file, side)
        _write(tmp_path, "leaf", made)
        purpose = "sslclient" if profile == "client" else "sslserver"
        verified = openssl("verify", "-purpose", purpose, "-CAfile", f"{side}/ca.pem", f"{tmp_path}/leaf.pem")
        assert verified.returncode == 0, verified.stderr
        shake_hands(tmp_path / "leaf.pem", tmp_path / "leaf-key.pem", side / "ca.pem", client=profile == "client")


def test_a_leaf_with_its_cas_subject_passes_openssl_where_cfssls_own_does_not(
    cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path
):
    """OpenSSL takes such a leaf for self-signed unless its authority's key identifier says otherwise."""
    layout = layouts["one-pair"]
    asked = ("kubernetes", "kubernetes-csr.json", layout.theirs)
    our, their = ours(layout, *asked), theirs(cfssl, layout, *asked)
    _write(tmp_path, "our", our)
    _write(tmp_path, "their", their)
    verified = {
        name: openssl("verify", "-CAfile", f"{layout.theirs}/ca.pem", f"{tmp_path}/{name}.pem").returncode
        for name in ("our", "their")
    }
    assert verified["our"] == 0 and verified["their"] != 0
    assert "subject of its CA" in our.warnings[-1]


def test_a_request_of_ours_is_signed_by_cfssl_and_one_of_theirs_by_us(
    cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path
):
    layout = layouts["three-profiles"]
    our, their = (
        ours(layout, "peer", "config.json", layout.ours),
        theirs(cfssl, layout, "peer", "config.json", layout.ours),
    )
    _write(tmp_path, "our", our)
    ca = [f"-ca={layout.theirs}/ca.pem", f"-ca-key={layout.theirs}/ca-key.pem"]
    config = f"-config={DATA / layout.name}/ca-config.json"
    by_them = cfssl.make("sign", *ca, config, "-profile=client", str(tmp_path / "our.csr"))
    by_us = sign(their.request, layout.our_signer("client", layout.theirs), datetime.now(UTC))
    assert fields(read_certificate(by_them.certificate)) == fields(read_certificate(by_us.certificate))
    assert key_matches(our.key, by_them.certificate) and key_matches(their.key, by_us.certificate)


def test_hosts_of_every_kind_and_several_names_come_out_alike(cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path):
    layout = layouts["three-profiles"]
    names = [{"C": "CN", "ST": "JS", "L": "NT", "O": "k8s", "OU": "System"}, {"C": "US", "O": "o2"}]
    asked = {"CN": "x", "serialnumber": "7", "names": names, "hosts": ["a.b", "*.c.d", "10.0.0.1", "::1", "a@b.c"]}
    (tmp_path / "x.json").write_text(json.dumps(asked))
    ca = [f"-ca={layout.ours}/ca.pem", f"-ca-key={layout.ours}/ca-key.pem"]
    their = cfssl.make("gencert", *ca, str(tmp_path / "x.json"))
    signer = load_signer((layout.ours / "ca.pem").read_bytes(), (layout.ours / "ca-key.pem").read_bytes())
    our = generate(json.dumps(asked), signer, datetime.now(UTC))
    assert fields(read_certificate(our.certificate)) == fields(read_certificate(their.certificate))


def test_cfssljson_makes_of_our_output_the_files_that_we_write(
    cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path
):
    made = ours(layouts["three-profiles"], "server", "config.json", layouts["three-profiles"].ours)
    (tmp_path / "theirs").mkdir()
    cfssl.write_files(made.as_json(), "server", tmp_path / "theirs")
    written = {
        path.name: (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) for path in (tmp_path / "theirs").iterdir()
    }
    assert written == {file.name: (file.mode, file.content) for file in made.files("server")}


@pytest.mark.parametrize("kind", ["config", "csr", "list"])
def test_the_defaults_are_cfssls_to_the_byte(cfssl: Cfssl, kind: str):
    our, their = print_defaults(kind), cfssl.run("print-defaults", kind).stdout
    assert our == their or (kind == "list" and {*our.splitlines()} == {*their.splitlines()})  # theirs in any order


def test_info_prints_what_certinfo_prints(cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path):
    made = ours(layouts["one-profile"], "kubernetes", "etcd-csr.json", layouts["one-profile"].ours)
    _write(tmp_path, "leaf", made)
    our = json.loads(certificate_info(made.certificate))
    their = json.loads(cfssl.run("certinfo", "-cert", str(tmp_path / "leaf.pem")).stdout)
    for document in (our, their):  # cfssl drops the first digit of a byte below 16
        for key in ("authority_key_id", "subject_key_id"):
            document[key] = [int(byte, 16) for byte in document[key].split(":")]
    assert our == their


def test_a_bundle_holds_what_cfssls_holds(cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path):
    layout = layouts["per-node"]
    made = ours(layout, "server", "master-11.json", layout.ours)
    _write(tmp_path, "leaf", made)
    root = f"{layout.ours}/ca.pem"
    key = ["-key", str(tmp_path / "leaf-key.pem")]
    ended = cfssl.run("bundle", "-ca-bundle", root, "-int-bundle", root, "-cert", str(tmp_path / "leaf.pem"), *key)
    our = json.loads(bundle(made.certificate, Path(root).read_bytes(), key_pem=made.key))
    their = json.loads(ended.stdout)
    # Ours also lists the addresses among the host names; cfssl's says what it would fetch from the network.
    same = set(our) - {"hostnames"}
    assert {name: our[name] for name in same} == {name: their[name] for name in same}
    assert set(their["hostnames"]) <= set(our["hostnames"]) and set(their) - set(our) <= NETWORK


NETWORK = {"crl_support", "ocsp", "ocsp_support", "status"}

MISTAKES = {
    "weak": '{"CN": "x", "key": {"algo": "rsa", "size": 1024}}',
    "large": '{"CN": "x", "key": {"algo": "rsa", "size": 9000}}',
    "curve": '{"CN": "x", "key": {"algo": "ecdsa", "size": 224}}',
    "algorithm": '{"CN": "x", "key": {"algo": "dsa", "size": 2048}}',
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_key_that_cannot_be_made_is_refused_in_cfssls_words(
    cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path, mistake: str
):
    (tmp_path / "x.json").write_text(MISTAKES[mistake])
    layout = layouts["three-profiles"]
    ca = [f"-ca={layout.ours}/ca.pem", f"-ca-key={layout.ours}/ca-key.pem"]
    ended = cfssl.run("gencert", *ca, str(tmp_path / "x.json"))
    with pytest.raises(CfsslError) as refused:
        generate(MISTAKES[mistake], load_signer(*_pair(layout.ours)), datetime.now(UTC))
    assert refused.value.exit_code == ended.returncode
    assert json.loads(refused.value.as_json()) == json.loads(ended.stderr.splitlines()[-1])


def test_a_ca_that_cannot_sign_is_refused_with_cfssls_codes(cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path):
    layout, other = layouts["three-profiles"], layouts["per-node"]
    certificate, _ = _pair(layout.ours)
    encrypted = tmp_path / "encrypted.pem"
    command = ("rsa", "-in", f"{layout.ours}/ca-key.pem", "-aes256", "-passout", "pass:x", "-traditional")
    assert openssl(*command, "-out", str(encrypted)).returncode == 0
    cases = [(encrypted, "-profile=server"), (other.ours / "ca-key.pem", "-profile=server")]
    cases += [(layout.ours / "ca-key.pem", "-profile=nobody")]
    config = DATA / layout.name / "ca-config.json"
    for key_file, profile in cases:
        arguments = [f"-ca={layout.ours}/ca.pem", f"-ca-key={key_file}", f"-config={config}", profile]
        ended = cfssl.run("gencert", *arguments, str(DATA / layout.name / "config.json"))
        with pytest.raises(CfsslError) as refused:
            load_signer(certificate, key_file.read_bytes(), config.read_text(), profile.partition("=")[2])
        assert ended.returncode == refused.value.exit_code
        assert json.loads(ended.stderr.splitlines()[-1]) == json.loads(refused.value.as_json())


# The oldest and the newest etcd, each under a CA of the other kind; in the long run every line under both.
USUAL = usual_binaries()
BOTH = ("theirs", "ours")
LONG = os.environ.get("ETCDPILOT_LONG") == "1"
JUDGES = (
    [(each, side) for each in USUAL for side in BOTH]
    if LONG
    else list(zip([*USUAL[:1], *USUAL[-1:]], BOTH, strict=False))
)


@pytest.mark.local
@pytest.mark.parametrize(("binaries", "under"), JUDGES, ids=lambda each: getattr(each, "version", each))
async def test_a_cluster_runs_on_both_kinds_mixed(
    cfssl: Cfssl, layouts: dict[str, Layout], tmp_path: Path, binaries: Binaries, under: str
):
    """Go judges: some members have certificates of ours, one has cfssl's, under a CA of either kind."""
    side: Path = getattr(layouts["three-profiles"], under)
    cluster = RawCluster(binaries, tmp_path / "mixed")
    signer = layouts["three-profiles"].our_signer("server", side)
    for place, member in enumerate(cluster.members.values()):
        member.pki = Folder(tmp_path / side.name / member.name)  # type: ignore[assignment]
        member.pki.folder.mkdir(parents=True)
        shutil.copy(side / "ca.pem", member.pki.folder / "ca.pem")
        request = json.dumps({"CN": member.name, "hosts": ["localhost", "127.0.0.1"]})
        _write(member.pki.folder, "server", _mixed(cfssl, place, request, signer, side, tmp_path))
    async with cluster:
        assert healthy(cluster) == len(cluster.members)


@dataclass
class Folder:
    """Where one member's server.pem, server-key.pem and ca.pem are."""

    folder: Path


def _mixed(cfssl: Cfssl, place: int, request: str, signer, side: Path, folder: Path) -> Output:
    if place > 0:
        return generate(request, signer, datetime.now(UTC))
    (folder / "mixed.json").write_text(request)
    config = f"-config={DATA}/three-profiles/ca-config.json"
    ca = [f"-ca={side}/ca.pem", f"-ca-key={side}/ca-key.pem", config, "-profile=server"]
    return cfssl.make("gencert", *ca, str(folder / "mixed.json"))


def healthy(cluster: RawCluster) -> int:
    """How many members answer a linearizable read, asked by etcdctl over mutual TLS, each with its own pair."""
    count = 0
    for member in cluster.members.values():
        folder = member.pki.folder  # type: ignore[union-attr]
        files = ["--cacert", f"{folder}/ca.pem", "--cert", f"{folder}/server.pem", "--key", f"{folder}/server-key.pem"]
        command = [str(member.binaries.etcdctl), "--endpoints", member.client_url, *files, "endpoint", "health"]
        environment = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin"}
        count += subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode == 0
    return count


def _pair(side: Path) -> tuple[bytes, bytes]:
    return (side / "ca.pem").read_bytes(), (side / "ca-key.pem").read_bytes()


def openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False, timeout=60)


def shake_hands(certificate: Path, key: Path, authority: Path, *, client: bool) -> None:
    """A handshake in memory by Python's ssl, the leaf on one side and nobody but its CA trusted on the other."""
    server, dialler = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    dialler.load_verify_locations(authority)
    if client:
        pytest.importorskip("trustme")
        import trustme

        front = trustme.CA()
        front.issue_cert("localhost").configure_cert(server)
        front.configure_trust(dialler)
        server.load_verify_locations(authority)
        server.verify_mode = ssl.CERT_REQUIRED
        dialler.load_cert_chain(certificate, key)
        name = "localhost"
    else:
        server.load_cert_chain(certificate, key)
        name = read_certificate(certificate.read_bytes()).hosts[0]
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        dialler.wrap_bio(to_client, to_server, server_hostname=name),
    ]
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert all(end.version() for end in ends)
    ends[1].write(b"x")
    assert ends[0].read(1) == b"x"
