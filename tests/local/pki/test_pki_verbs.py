"""`etcdpilot pki …` as it is typed: cfssl's flags, its files, its exit codes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcdpilot.model.certificates import CertificateSpec
from etcdpilot.pki.cfssl.errors import CfsslError
from etcdpilot.pki.keys import key_pem, load_key
from etcdpilot.pki.reading import chain, read_certificate
from tests.local.pki.real_cfssl import cfssl_or_skip
from tests.local.pki.test_handshake import LOOPBACK, new_files, tls_server

DATA = Path(__file__).parent.parent.parent / "data" / "cfssl" / "three-profiles"
CA = ["-ca=ca.pem", "-ca-key=ca-key.pem", f"-config={DATA}/ca-config.json"]


def pki(folder: Path, *arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "etcdpilot", "pki", *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
    return subprocess.run(
        command,
        cwd=folder,
        input=text,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a CA in it."""
    made = pki(tmp_path, "gencert", "-initca", f"{DATA}/ca-csr.json", "--bare", "ca")
    assert made.returncode == 0, made.stderr
    return tmp_path


def test_the_tutorials_commands_make_the_tutorials_files(folder: Path):
    for profile in ("server", "peer", "client"):
        made = pki(folder, "gencert", *CA, f"-profile={profile}", f"{DATA}/config.json", "-bare", profile)
        assert made.returncode == 0 and made.stdout == "", made.stderr
        assert chain((folder / f"{profile}.pem").read_bytes(), (folder / "ca.pem").read_bytes())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    stems = ("ca", "server", "peer", "client")
    keys = {f"{stem}-key.pem": 0o600 for stem in stems}
    assert modes == keys | {f"{stem}{end}": 0o644 for stem in stems for end in (".pem", ".csr")}


def test_the_json_on_standard_output_is_what_cfssljson_takes(folder: Path):
    made = pki(folder, "gencert", *CA, "-profile=server", "-", text=(DATA / "config.json").read_text())
    cfssl_or_skip().write_files(made.stdout, "piped", folder)
    assert chain((folder / "piped.pem").read_bytes(), (folder / "ca.pem").read_bytes())
    assert json.loads(made.stdout).keys() == {"cert", "csr", "key"}
    assert "outlives its CA" in made.stderr


def test_a_request_is_signed_and_looked_at_and_bundled(folder: Path):
    pki(folder, "gencert", *CA, "-profile=server", f"{DATA}/config.json", "-bare", "server")
    signed = pki(folder, "sign", *CA, "-profile=client", "-hostname=a.example", "server.csr", "--bare", "signed")
    assert signed.returncode == 0, signed.stderr
    told = json.loads(pki(folder, "info", "-cert", "signed.pem").stdout)
    assert told["sans"] == ["a.example"] and told["issuer"]["common_name"] == "etcd"
    bundled = json.loads(pki(folder, "bundle", "-ca-bundle=ca.pem", "-cert=server.pem", "-key=server-key.pem").stdout)
    assert bundled["subject"].endswith("CommonName=etcd-0")
    signer = json.loads(pki(folder, "info", "-ca=ca.pem", f"-config={DATA}/ca-config.json", "-profile=peer").stdout)
    assert signer["expiry"] == "87600h"


def test_a_renewed_ca_keeps_its_leaves_good(folder: Path):
    pki(folder, "gencert", *CA, "-profile=server", f"{DATA}/config.json", "-bare", "server")
    renewed = pki(folder, "gencert", "-renewca", "-ca=ca.pem", "-ca-key=ca-key.pem", "-bare", "renewed")
    assert renewed.returncode == 0, renewed.stderr
    assert chain((folder / "server.pem").read_bytes(), (folder / "renewed.pem").read_bytes())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gencert"], 1, "not enough arguments"),
        (["gencert", "-bogus"], 2, "No such option"),
        (["gencert", "absent.json"], 1, "open absent.json: no such file or directory"),
        (["gencert", *CA[1:], f"{DATA}/config.json"], 1, "need a CA certificate"),
        (["gencert", CA[0], f"{DATA}/config.json"], 1, "need a CA key"),
        (["gencert", *CA, "-profile=nope", f"{DATA}/config.json"], 1, '"code":5100'),
        (["gencert", *CA, "-profile=server", f"{DATA}/ca-config.json.bad"], 1, "no such file"),
        (["gencert", *CA[:2], "-config=ca.pem", f"{DATA}/config.json"], 1, '"code":5200'),
        (["gencert", "-initca", "ca.pem"], 1, "not JSON"),
        (["sign", *CA, "-profile=server", "ca.pem"], 1, '"code":9002'),
        (["info", "-cert", "ca-key.pem"], 1, '"code":1002'),
        (["bundle", "-cert", "ca.pem"], 1, "-ca-bundle"),
        (["print-defaults", "nope"], 1, "config, csr"),
        (["check", "absent.pem"], 2, "absent.pem cannot be read"),
        (["check"], 2, "--connect"),
    ],
)
def test_a_mistake_has_cfssls_exit_code_and_clear_words_and_leaves_no_file(
    folder: Path, arguments: list[str], code: int, words: str
):
    before = sorted(path.name for path in folder.iterdir())
    bare = ["--bare", "x"] if arguments[0] in ("gencert", "sign", "bundle") else []
    ended = pki(folder, *arguments, *bare)
    assert ended.returncode == code and words in ended.stderr + ended.stdout, ended.stderr
    assert "Traceback" not in ended.stderr and ended.stdout == ""
    assert sorted(path.name for path in folder.iterdir()) == before


REQUESTS = {
    "malformed": ('{"CN": "x", "hosts": [', '"code":5300', "not JSON"),
    "an unknown algorithm": ('{"CN": "x", "key": {"algo": "dsa", "size": 2048}}', '"code":2400', "invalid algorithm"),
    "neither names nor addresses": ('{"CN": "x", "hosts": ["10.0.0.300", "a b"]}', '"code":9300', "10.0.0.300"),
}


@pytest.mark.parametrize("mistake", [*REQUESTS, "a sealed key", "another key"])
def test_whatever_is_wrong_in_the_files_nothing_is_written(folder: Path, tmp_path: Path, mistake: str):
    text, code, words = REQUESTS.get(mistake, ('{"CN": "x", "hosts": ["a"]}', "", ""))
    (folder / "x.json").write_text(text)
    if mistake == "a sealed key":
        sealed = key_pem(load_key((folder / "ca-key.pem").read_bytes()), b"open sesame")
        (folder / "ca-key.pem").write_bytes(sealed)
        code, words = '"code":2100', "passphrase"
    if mistake == "another key":
        other = new_files(tmp_path / "other")
        (folder / "ca-key.pem").write_bytes(other.authority.key_pem())
        code, words = '"code":1000', "key"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    ended = pki(folder, "gencert", *CA, "-profile=server", "x.json", "--bare", "made")
    assert ended.returncode == 1 and code in ended.stderr and words in ended.stderr, ended.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_passphrase_of_the_ca_comes_from_a_file_or_the_environment(folder: Path):
    plain = load_key((folder / "ca-key.pem").read_bytes())
    (folder / "ca-key.pem").write_bytes(key_pem(plain, b"open sesame"))
    (folder / "passphrase").write_text("open sesame\n")
    arguments = ["gencert", *CA, "-profile=server", f"{DATA}/config.json"]
    refused = pki(folder, *arguments)
    assert refused.returncode == 1 and '"code":2100' in refused.stderr
    assert pki(folder, *arguments, "--passphrase-file", "passphrase").returncode == 0
    assert pki(folder, *arguments, ETCDPILOT_PASSPHRASE="open sesame").returncode == 0


def test_an_output_folder_that_cannot_be_written_is_one_clear_error(folder: Path):
    (folder / "file").touch()
    ended = pki(folder, "gencert", "-initca", f"{DATA}/ca-csr.json", "--bare", "file/ca")
    assert ended.returncode == 1 and "cannot be written" in ended.stderr and "Traceback" not in ended.stderr


def test_check_finds_what_is_wrong_and_ends_with_one(folder: Path):
    pki(folder, "gencert", *CA, "-profile=client", f"{DATA}/config.json", "-bare", "server")
    (folder / "server-key.pem").chmod(0o644)
    ended = pki(folder, "check", "server.pem", "ca.pem", "--ca", "ca.pem", "--host", "127.0.0.1", "-o", "json")
    rules = {finding["rule"] for file in json.loads(ended.stdout)["files"] for finding in file["findings"]}
    assert ended.returncode == 1 and rules == {"TLS-003", "TLS-004", "TLS-009", "TLS-015"}
    assert "TLS-003" in pki(folder, "check", "server.pem", "--host", "127.0.0.1").stdout


def test_check_has_nothing_to_say_of_a_good_pair(tmp_path: Path):
    files = new_files(tmp_path)
    good = pki(tmp_path, "check", "server.pem", "ca.pem", "--ca", "ca.pem", "--host", "127.0.0.1")
    assert good.returncode == 0, good.stdout
    files.write("server", replace(LOOPBACK, lifetime=timedelta(days=7)))
    assert "ends in" in pki(tmp_path, "check", "server.pem").stdout


def test_check_sees_another_ca_and_another_key(tmp_path: Path):
    ours, theirs = new_files(tmp_path / "ours"), new_files(tmp_path / "theirs")
    arguments = ["--ca", str(theirs.folder / "ca.pem"), "--key", str(theirs.folder / "server-key.pem")]
    ended = pki(tmp_path, "check", str(ours.folder / "server.pem"), *arguments)
    assert "TLS-010" in ended.stdout and "TLS-009" in ended.stdout and ended.returncode == 1


async def test_check_shakes_hands_with_a_listener(tmp_path: Path):
    async with tls_server(tmp_path, LOOPBACK) as (target, files):
        files.write("root", CertificateSpec.of_client("root"))
        shown = ["--connect", target.url, "--ca", "ca.pem"]
        good = pki(tmp_path, "check", *shown, "--cert", "root.pem", "--cert-key", "root-key.pem")
        missing = pki(tmp_path, "check", *shown)
    assert good.returncode == 0 and "accepted" in good.stdout, good.stderr
    assert missing.returncode == 1 and "wants a client certificate" in missing.stdout


def test_help_does_not_load_cryptography():
    script = "import sys, etcdpilot.cli.pki; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_an_error_with_a_code_is_cfssls_json_object():
    error = CfsslError(5100, "Invalid policy: no key usage available", why="more")
    assert error.as_json() == '{"code":5100,"message":"Invalid policy: no key usage available"}'


def test_what_is_made_now_is_valid_now(folder: Path):
    read = read_certificate((folder / "ca.pem").read_bytes())
    assert read.not_before < datetime.now(UTC) < read.not_after
