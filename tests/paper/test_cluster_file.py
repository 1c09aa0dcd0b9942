"""The cluster file: what is read, what is filled in, and what is told about what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from etcdpilot.model.cluster import (
    Archive,
    Directory,
    Discovery,
    Dns,
    Found,
    HostKeys,
    HostKind,
    Package,
    Profile,
    ServiceStyle,
    TlsMode,
)
from etcdpilot.model.errors import SpecError
from etcdpilot.spec.build import build, warnings_of
from etcdpilot.spec.load import Loaded, load, load_file, resolve

HEAD = "name: prod\netcd: {version: 3.5.30, source: {directory: /opt/etcd}}\n"
THREE = """\
members:
  - {name: etcd-0, host: 192.0.2.10}
  - {name: etcd-1, host: 192.0.2.11}
  - {name: etcd-2, host: 192.0.2.12}
"""
SMALL = HEAD + THREE


def problems(text: str, folder: str = "/srv/files") -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(text, "cluster.yaml", folder)
    return [str(problem) for problem in caught.value.problems]


def warnings(text: str) -> list[str]:
    return [f"{warning.path} {warning.what}" for warning in load(text).warnings]


def with_member(entry: str, more: str = "") -> str:
    return f"{HEAD}{more}members:\n  - {entry}\n"


class TestDefaults:
    def test_a_short_file_is_filled_in_completely(self) -> None:
        spec = load(SMALL).spec
        member = spec.members[0]
        assert (spec.name, spec.kind, str(spec.version)) == ("prod", HostKind.SSH, "3.5.30")
        assert (spec.source, spec.token, spec.timers) == (Directory("/opt/etcd"), "", "default")
        assert (spec.tls.mode, spec.tls.profile, spec.tls.single_authority) == (
            TlsMode.MUTUAL,
            Profile.PER_MEMBER,
            False,
        )
        assert (spec.tls.authority_lifetime, spec.tls.leaf_lifetime) == (timedelta(days=3650), timedelta(days=365))
        assert (member.paths.config, member.paths.data, member.paths.bin) == (
            "/etc/etcd",
            "/var/lib/etcd",
            "/usr/local/bin",
        )
        assert (member.paths.tls, member.paths.env_file) == ("/etc/etcd/tls", "/etc/etcd/etcd.env")
        assert (member.service.unit, member.service.user, member.service.style) == (
            "etcd",
            "etcd",
            ServiceStyle.ENV_FILE,
        )
        assert (member.ssh.port, member.ssh.host_keys, member.ssh.user) == (22, HostKeys.STRICT, "")

    def test_listen_and_advertise_urls_are_complete_and_loopback_is_listened_on(self) -> None:
        member = load(SMALL).spec.members[1]
        assert member.listen_peer_urls == member.advertise_peer_urls == ("https://192.0.2.11:2380",)
        assert member.listen_client_urls == ("https://192.0.2.11:2379", "https://127.0.0.1:2379")
        assert member.advertise_client_urls == ("https://192.0.2.11:2379",)

    def test_a_host_that_is_a_name_is_listened_for_on_every_address_because_etcd_binds_no_names(self) -> None:
        member = load(with_member("{name: a, host: DB-1.example.com}")).spec.members[0]
        assert member.listen_peer_urls == ("https://0.0.0.0:2380",)
        assert member.listen_client_urls == ("https://0.0.0.0:2379",)
        assert member.advertise_peer_urls == ("https://db-1.example.com:2380",)

    def test_an_ipv6_host_stands_in_brackets_in_every_url(self) -> None:
        member = load(with_member('{name: a, host: "2001:DB8:0::10"}')).spec.members[0]
        assert member.host == "2001:db8::10"
        assert member.advertise_peer_urls == ("https://[2001:db8::10]:2380",)

    def test_the_address_among_members_may_differ_from_where_ssh_goes(self) -> None:
        member = load(with_member("{name: a, host: bastion-a, address: 192.0.2.10, client-port: 12379}")).spec.members[
            0
        ]
        assert (member.host, member.advertise_client_urls) == ("bastion-a", ("https://192.0.2.10:12379",))

    def test_an_address_read_from_an_interface_takes_the_place_held_for_it(self) -> None:
        member = load(with_member("{name: a, host: bastion-a, interface: eth0}")).spec.members[0]
        read = member.with_address("fd00::7")
        assert read.listen_peer_urls == read.advertise_peer_urls == ("https://[fd00::7]:2380",)
        assert read.listen_client_urls == ("https://[fd00::7]:2379", "https://127.0.0.1:2379")

    def test_what_a_member_says_itself_goes_before_what_all_hosts_say(self) -> None:
        shared = "hosts: {ssh: {user: root, port: 2222}, service: {settings: {LimitNOFILE: 1000, Nice: 5}}}\n"
        own = "{name: a, host: h, ssh: {user: admin}, paths: {data: /srv/etcd}, service: {settings: {Nice: 1}}}"
        member = load(with_member(own, shared)).spec.members[0]
        assert (member.ssh.user, member.ssh.port, member.paths.data) == ("admin", 2222, "/srv/etcd")
        assert member.service.settings == (("LimitNOFILE", "1000"), ("Nice", "1"))
        assert member.service.working_directory == "/srv/etcd"

    def test_local_members_share_one_address_and_get_ports_and_folders_of_their_own(self) -> None:
        spec = load(
            "name: dev\nhosts: {kind: local}\nmembers: [{name: a}, {name: b}]\n", folder="/home/me/a folder"
        ).spec
        assert (spec.version, spec.source, spec.timers) == (None, Found(), "loopback")
        assert [member.advertise_client_urls[0] for member in spec.members] == [
            "https://127.0.0.1:2379",
            "https://127.0.0.1:2381",
        ]
        assert [member.paths.data for member in spec.members] == [
            "/home/me/a folder/members/a/data",
            "/home/me/a folder/members/b/data",
        ]

    def test_loopback_timers_become_options_unless_the_file_sets_them(self) -> None:
        local = "name: dev\nhosts: {kind: local}\nmembers: [{name: a}]\netcd: {options: {election-timeout: 300}}\n"
        assert dict(load(local).spec.members[0].options) == {"heartbeat-interval": "20", "election-timeout": "300"}

    def test_etcd_3_4_votes_before_it_stands_for_election_as_later_releases_do(self) -> None:
        old = SMALL.replace("3.5.30", "3.4.23")
        assert dict(load(old).spec.members[0].options)["pre-vote"] == "true"
        assert "pre-vote" not in dict(load(SMALL).spec.members[0].options)

    def test_relative_paths_are_relative_to_the_folder_of_the_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "a folder"
        folder.mkdir()
        text = SMALL.replace("/opt/etcd", "bin/etcd") + "hosts: {ssh: {identity: keys/id_ed25519}}\n"
        (folder / "cluster.yaml").write_text(text)
        spec = load_file(folder / "cluster.yaml").spec
        assert spec.source == Directory(str(folder / "bin/etcd"))
        assert spec.members[0].ssh.identity == str(folder / "keys/id_ed25519")


class TestForms:
    @pytest.mark.parametrize(
        ("said", "source"),
        [
            ("{directory: /opt/etcd}", Directory("/opt/etcd")),
            ("{package: etcd-server}", Package(("etcd-server",), "")),
            (
                "{package: {names: [etcd-server, etcd-client], suite: trixie}}",
                Package(("etcd-server", "etcd-client"), "trixie"),
            ),
            (
                f"{{archive: 'https://m.example/etcd.tar.gz', sha256: {'a' * 64}}}",
                Archive("https://m.example/etcd.tar.gz", (("", "a" * 64),)),
            ),
            (
                f"{{archive: e.tgz, sha256: {{3.5.30/amd64: {'B' * 64}}}}}",
                Archive("/srv/e.tgz", (("3.5.30/amd64", "b" * 64),)),
            ),
            ("{archive: /srv/e.tgz, sha256: published}", Archive("/srv/e.tgz", ())),
        ],
    )
    def test_binaries_come_from_an_archive_a_directory_a_package_or_the_wheel(self, said: str, source: object) -> None:
        text = SMALL.replace("{directory: /opt/etcd}", said)
        assert load(text, "cluster.yaml", "/srv").spec.source == source

    @pytest.mark.parametrize(
        ("said", "bootstrap"),
        [
            ("{dns: {domain: example.com, name: prod}}", Dns("example.com", "prod")),
            (
                "{discovery: {url: 'https://d.example:2379/v2/keys/x'}}",
                Discovery("https://d.example:2379/v2/keys/x", (), ""),
            ),
        ],
    )
    def test_members_may_find_each_other_by_discovery_or_dns(self, said: str, bootstrap: object) -> None:
        assert load(f"{SMALL}bootstrap: {said}\n").spec.bootstrap == bootstrap

    def test_a_version_is_text_so_that_3_10_is_not_3_1(self) -> None:
        (told,) = problems(SMALL.replace("3.5.30", "3.10"))
        assert "'3.10' is not a release of etcd" in told

    def test_words_that_older_yaml_takes_for_something_else_stay_what_they_are(self) -> None:
        spec = load(
            "name: on\netcd: {version: 3.5.30, source: wheel}\ntls: {mode: off}\nmembers: [{name: no, host: y}]\n"
        ).spec
        assert (spec.name, spec.members[0].name, spec.members[0].host, spec.tls.mode) == ("on", "no", "y", TlsMode.OFF)

    def test_an_anchor_may_be_used_for_what_several_members_share(self) -> None:
        text = f"{HEAD}members:\n  - {{name: a, host: h1, ssh: &s {{user: x}}}}\n  - {{name: b, host: h2, ssh: *s}}\n"
        assert [member.ssh.user for member in load(text).spec.members] == ["x", "x"]

    def test_sections_left_empty_are_as_good_as_left_out(self) -> None:
        assert load(SMALL + "hosts:\ntls:\n").spec == load(SMALL).spec


class TestProblems:
    def test_every_problem_is_told_at_once_with_its_line_and_column(self) -> None:
        told = problems(
            "name: Prod\n"
            "etcd:\n"
            "  version: 3.10\n"
            "  source: whel\n"
            "  optoins: {}\n"
            "hosts:\n"
            "  ssh: {port: 70000, host-keys: none}\n"
            "  paths: {data: /var/lib}\n"
            "  service: {settings: {ExecStart: /bin/true}}\n"
            "tls: {lifetime: {leaf: 1 year}}\n"
            "members:\n"
            "  - {name: a, host: 10.0.0.300}\n"
            "  - {name: b}\n"
            "  - name: c\n"
            "    host: 192.0.2.3\n"
            "    listen-client-urls: [https://db:2379, nonsense]\n"
            "    options: {name: c}\n"
            "  - nonsense\n"
            "name: again\n"
        )
        places = [line.split(" — ")[0].removeprefix("cluster.yaml:") for line in told]
        assert places == [
            "1:1 name",
            "3:3 etcd.version",
            "4:3 etcd.source.whel",
            "5:3 etcd.optoins",
            "7:9 hosts.ssh.port",
            "7:22 hosts.ssh.host-keys",
            "8:11 hosts.paths.data",
            "9:24 hosts.service.settings.ExecStart",
            "10:18 tls.lifetime.leaf",
            "12:15 members[0].host",
            "13:5 members[1].host",
            "16:26 members[2].listen-client-urls[0]",
            "16:43 members[2].listen-client-urls[1]",
            "17:15 members[2].options.name",
            "18:5 members[3]",
            "19:1 name",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "is empty"),
            ("# only a comment\n", "is empty"),
            ("- a\n- b\n", "is not a cluster file"),
            ("just words", "is not a cluster file"),
        ],
    )
    def test_a_file_without_keys_is_told_so_with_a_way_on(self, text: str, said: str) -> None:
        with pytest.raises(SpecError, match=said) as caught:
            load(text)
        assert "etcdpilot init" in caught.value.remedy

    @pytest.mark.parametrize(
        ("text", "place", "said"),
        [
            ("name: a\n\tmembers: []", "2:1", "spaces"),
            ("name: [a", "2:1", "flow sequence"),
            ("name: a\n---\nname: b", "2:1", "second document"),
            ("name: \x00", "1:7", "control character"),
            ("name: \x1b[31m", "1:7", "control character"),
            ("name: \ud800", "1:7", "broken Unicode"),
            ("name: *nothing", "1:7", "stands for nothing"),
            ("<<: {name: a}", "1:1", "merge keys"),
            ("? [a]\n: b", "1:3", "one word"),
            ("a: " + "[" * 5000, "1:24", "levels deep"),
            ("a: &a [*a]", "1:8", "levels deep"),
            ("x" * 1_000_001, "1:1", "longer than"),
        ],
    )
    def test_text_that_is_no_yaml_is_one_clear_problem_at_its_place(self, text: str, place: str, said: str) -> None:
        (told,) = problems(text)
        assert told.startswith(f"cluster.yaml:{place} ") and said in told

    def test_aliases_that_unfold_for_ever_are_stopped_at_once(self) -> None:
        bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
        began = time.process_time()
        (told,) = problems(bomb)
        assert "aliases" in told
        assert time.process_time() - began < 5  # of 9 to the power of 29

    def test_every_key_that_stands_twice_is_told_with_both_places(self) -> None:
        told = problems(SMALL + "name: x\n" + "tls: {mode: off, mode: mutual}\n")
        assert [line.split(" — ")[0] for line in told] == ["cluster.yaml:7:1 name", "cluster.yaml:8:18 tls.mode"]
        assert "first at 1:1" in told[0]

    def test_a_file_that_cannot_be_read_is_no_traceback(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        for name, said in (("missing.yaml", "No such file"), ("binary", "not UTF-8"), (".", "directory")):
            with pytest.raises(SpecError) as caught:
                load_file(tmp_path / name)
            assert said in caught.value.why

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ("member: []", "Did you mean members?"),
            ("nodes: []", "use members"),
            ("version: 3.5.30", "use etcd.version"),
            ("tls: {host_keys: x}", "Known: mode"),
            ("hosts: {ssh: {host_keys: strict}}", "Did you mean host-keys?"),
            ("hosts: {ssh: {host-keys: accept_new}}", "Did you mean accept-new?"),
            ("hosts: {paths: {tls: /x}}", "use tls.directory"),
            ("tls: {key: rsa-1024}", "is not one of ecdsa-p256"),
            ("hosts: {service: {sandbox: yes}}", "should be true or false, not 'yes'"),
            ("backup: [a]", "should be a mapping of keys to values, not a list"),
            ("hosts: {service: {settings: {Environment: A=b}}}", "use etcd.options"),
            ("hosts: {service: {settings: {After: x}}}", "[Service] section"),
            ("hosts: {service: {settings: {limit_nofile: 1}}}", "LimitNOFILE"),
        ],
    )
    def test_a_wrong_key_or_word_is_told_with_the_right_one(self, key: str, said: str) -> None:
        assert any(said in line for line in problems(f"{SMALL}{key}\n"))


class TestWhatDoesNotGoTogether:
    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ("{name: a, host: h, listen-client-urls: ['https://db-1:2379']}", "etcd binds addresses, not names"),
            ("{name: a, host: h, listen-peer-urls: ['https://db-1:2380']}", "etcd binds addresses, not names"),
            (
                "{name: a, host: h, advertise-client-urls: ['https://0.0.0.0:2379']}",
                "no address that anybody can connect to",
            ),
            (
                "{name: a, host: h, advertise-peer-urls: ['https://[::]:2380']}",
                "no address that anybody can connect to",
            ),
            ("{name: a, host: h, advertise-client-urls: ['https://127.0.0.1:2379']}", "loopback address"),
            ("{name: a, host: h, listen-client-urls: ['http://192.0.2.1:2379']}", "without a certificate"),
            ("{name: a, host: h, listen-peer-urls: ['http://127.0.0.1:2380']}", "is not encrypted"),
            ("{name: a, host: h, listen-peer-urls: ['https://::1:2380']}", "brackets"),
            ("{name: a, host: h, listen-peer-urls: ['https://192.0.2.1']}", "a host and a port"),
            ("{name: a, host: h, listen-peer-urls: ['https://192.0.2.1:2380/x']}", "nothing more"),
            ("{name: a, host: h, listen-peer-urls: ['192.0.2.1:2380']}", "must begin with"),
            ("{name: a, host: h, client-port: 2380}", "listened on by members[0] already"),
            ("{name: a, host: h, address: 192.0.2.1, interface: eth0}", "keep address or interface"),
            ("{name: a, host: 0.0.0.0}", "not the address of one host"),
            ("{name: a, host: 010.0.0.1}", "no leading zeros"),
            ("{name: a, host: h, paths: {data: /etc/etcd}}", "inside the data directory"),
            ("{name: a, host: h, paths: {config: /var/lib/etcd/conf}}", "inside the data directory"),
            ("{name: a, host: h, paths: {data: /etc}}", "belongs to the system"),
            ("{name: a, host: h, paths: {data: /proc/1}}", "belongs to the system"),
            ("{name: a, host: h, retire: 0}", "ID 0"),
        ],
    )
    def test_a_member_that_etcd_would_refuse_or_that_nobody_could_reach_is_told(self, entry: str, said: str) -> None:
        assert any(said in line for line in problems(with_member(entry))), problems(with_member(entry))

    def test_https_without_certificates_is_told(self) -> None:
        entry = "{name: a, host: h, listen-client-urls: ['https://192.0.2.1:2379']}"
        assert any("tls.mode is off" in line for line in problems(with_member(entry, "tls: {mode: off}\n")))

    def test_names_hosts_and_urls_belong_to_one_member_each(self) -> None:
        told = problems(f"{HEAD}members:\n  - {{name: a, host: h}}\n  - {{name: a, host: h}}\n")
        assert sorted(line.split(" ")[1].split("].")[1] for line in told) == [
            "advertise-client-urls[0]",
            "advertise-peer-urls[0]",
            "host",
            "name",
        ]

    def test_hosts_behind_one_address_may_differ_by_their_ssh_port(self) -> None:
        text = f"""{HEAD}members:
  - {{name: a, host: 127.0.0.1, address: 192.0.2.1, ssh: {{port: 2201}}}}
  - {{name: b, host: 127.0.0.1, address: 192.0.2.2, ssh: {{port: 2202}}}}
  - {{name: c, host: 127.0.0.1, address: 192.0.2.3, ssh: {{port: 2203}}}}
"""
        assert len(load(text).spec.members) == 3

    def test_local_members_cannot_share_a_port(self) -> None:
        text = "name: dev\nhosts: {kind: local}\nmembers: [{name: a}, {name: b, client-port: 2380}]\n"
        assert any("listened on by members[0]" in line for line in problems(text))

    def test_an_election_must_outlast_five_heartbeats(self) -> None:
        told = problems(SMALL.replace("}}\n", "}, options: {heartbeat-interval: 500}}\n", 1))
        assert told[0].startswith("cluster.yaml:2:") and "at least five times" in told[0]

    def test_timers_must_be_the_same_on_all_members(self) -> None:
        text = SMALL.replace("192.0.2.12}", "192.0.2.12, options: {election-timeout: 2000}}")
        assert any("same on all members" in line for line in problems(text))

    def test_a_host_needs_a_version_and_a_source_of_binaries_that_can_be_checked(self) -> None:
        told = " ".join(problems("name: x\n" + THREE))
        assert "etcd.version — is missing" in told and "archive: with sha256:" in told
        told = " ".join(problems(SMALL.replace("{directory: /opt/etcd}", "{archive: /opt/e.tgz}")))
        assert "no binary runs unchecked" in told

    def test_one_source_and_one_way_to_bootstrap_are_enough(self) -> None:
        assert (
            "keep the one" in problems(SMALL.replace("{directory: /opt/etcd}", "{directory: /opt/e, wheel: true}"))[0]
        )
        both = "bootstrap: {dns: {domain: example.com}, discovery: {url: 'https://d.example/x'}}\n"
        assert "keep one" in problems(SMALL + both)[0]

    def test_discovery_by_endpoints_is_for_every_etcd_and_by_url_for_those_before_3_7(self) -> None:
        discovery = "bootstrap: {discovery: {endpoints: ['https://192.0.2.99:2379'], token: abc}}\n"
        assert load(SMALL + discovery).spec.bootstrap.__class__ is Discovery
        by_url = "bootstrap: {discovery: {url: 'https://d.example/x'}}\n"
        assert load(SMALL + by_url).spec.bootstrap.__class__ is Discovery
        assert "knows discovery by endpoints alone" in problems(SMALL.replace("3.5.30", "3.7.1") + by_url)[0]

    def test_certificates_for_discovery_are_files_beside_the_cluster_file(self) -> None:
        place = "endpoints: ['https://192.0.2.99:2379']"
        said = load(SMALL + f"bootstrap: {{discovery: {{{place}, cacert: ca.pem, cert: c.pem, key: ~/k.pem}}}}\n").spec
        assert isinstance(said.bootstrap, Discovery)
        assert said.bootstrap.cacert.endswith("/ca.pem") and said.bootstrap.cacert.startswith("/")
        assert said.bootstrap.key == str(Path("~/k.pem").expanduser())
        [alone] = problems(SMALL + f"bootstrap: {{discovery: {{{place}, cert: c.pem}}}}\n")
        assert "belong together" in alone
        [service] = problems(SMALL + "bootstrap: {discovery: {url: 'https://d.example/x', cert: c.pem, key: k.pem}}\n")
        assert "belongs to endpoints" in service

    def test_two_authorities_cannot_sign_one_certificate(self) -> None:
        files = "tls: {files: {server-cert: a.pem, server-key: a.key, peer-cert: a.pem, peer-key: a.key}}\n"
        assert all("authorities to single" in line for line in problems(SMALL + files))
        assert load(SMALL + files.replace("{files", "{authorities: single, files")).spec.tls.files.peer_cert == "a.pem"

    def test_a_key_cannot_be_the_certificates_file_and_a_leaf_not_named_as_its_authority(self) -> None:
        assert "is server-cert already" in problems(SMALL + "tls: {files: {server-key: server.crt}}\n")[0]
        assert "self-signed" in problems(SMALL + "tls: {authority-name: etcd, subject: {CN: etcd}}\n")[0]
        assert "two letters" in problems(SMALL + "tls: {subject: {C: China}}\n")[0]


class TestOptions:
    @pytest.mark.parametrize(
        ("version", "option", "said"),
        [
            ("3.6.14", "enable-v2: true", "is gone since etcd 3.6"),
            ("3.5.30", "feature-gates: CompactHashCheck=true", "came with etcd 3.6.0"),
            ("3.7.1", "experimental-compact-hash-check-enabled: true", "write feature-gates: CompactHashCheck=true"),
            ("3.5.30", "ETCD_SNAPSHOT_COUNT: 5", "write snapshot-count"),
            ("3.5.30", "snapshotcount: 5", "did you mean snapshot-count?"),
            ("3.5.30", "snapshot-count: many", "write a whole number"),
            ("3.5.30", "heartbeat-interval: fast", "write a time"),
            ("3.5.30", "initial-cluster: a=b", "use members"),
            ("3.5.30", "force-new-cluster: true", "forgets the other members"),
            ("3.5.30", "wal-dir: /srv/wal", "one directory"),
        ],
    )
    def test_what_the_release_does_not_take_is_told_with_what_it_does(
        self, version: str, option: str, said: str
    ) -> None:
        etcd = f"etcd: {{version: {version}, source: wheel, options: {{{option}}}}}\n"
        (told,) = problems("name: prod\n" + etcd + THREE)
        assert told.startswith("cluster.yaml:2:") and said in told

    def test_values_are_written_as_etcd_reads_them(self) -> None:
        options = "quota-backend-bytes: 8GiB, heartbeat-interval: 50ms, listen-metrics-urls: ['http://127.0.0.1:2381']"
        text = f"name: prod\netcd: {{version: 3.5.30, source: wheel, options: {{{options}}}}}\n{THREE}"
        assert dict(load(text).spec.members[0].options) == {
            "quota-backend-bytes": "8589934592",
            "heartbeat-interval": "50",
            "listen-metrics-urls": "http://127.0.0.1:2381",
        }


class TestWarnings:
    def test_a_plain_good_file_warns_of_nothing(self) -> None:
        assert [warning for warning in warnings(SMALL) if not warning.startswith("etcd.version")] == []

    @pytest.mark.parametrize(
        ("count", "said"),
        [
            (1, ""),
            (2, "tolerate no failure"),
            (3, ""),
            (4, "take an odd number"),
            (5, ""),
            (7, ""),
            (9, "slow every write"),
        ],
    )
    def test_the_number_of_members_is_warned_of_where_it_buys_nothing(self, count: int, said: str) -> None:
        text = HEAD + "members:\n" + "".join(f"  - {{name: m{n}, host: 192.0.2.{n + 1}}}\n" for n in range(count))
        told = [warning for warning in warnings(text) if warning.startswith("members ")]
        assert bool(told) == bool(said) and all(said in warning for warning in told)

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ("tls: {mode: off, key: rsa-2048}\n", "has no effect while tls.mode is off"),
            ("tls: {mode: off}\n", "reads and writes everything"),
            ("tls: {lifetime: {ca: 1y, leaf: 2y}}\n", "outlive their authority"),
            ("hosts: {service: {settings: {Restart: always}}}\n", "started for ever"),
            ("hosts: {service: {user: root}}\n", "needs no root"),
            ("hosts: {paths: {data: /tmp/etcd}}\n", "emptied at a reboot"),
            ("tls: {profile: shared}\n", "can be every member"),
            ("tls: {authorities: single}\n", "opens the peer port"),
            ("tls: {loopback: http}\n", "no plain listener on loopback"),
        ],
    )
    def test_what_is_unwise_is_warned_of_and_done(self, more: str, said: str) -> None:
        assert any(said in warning for warning in warnings((SMALL + more).replace("192.0.2.12", "db-2")))


class TestTheFilledInDocument:
    def test_it_survives_json_and_builds_the_same_specification_and_warnings(self) -> None:
        text = SMALL + "tls: {mode: off}\nbackup: {store: s3://bucket/etcd, schedule: 6h, keep: {daily: 7}}\n"
        kept = json.loads(json.dumps(resolve(text, "cluster.yaml", "/srv")))
        assert Loaded(build(kept), warnings_of(kept)) == load(text, "cluster.yaml", "/srv")

    def test_building_from_it_loads_neither_pydantic_nor_yaml(self) -> None:
        """Importing pydantic alone takes longer than a whole `etcdpilot status` may."""
        modules = "'pydantic', 'yaml', 'ruamel', 'cryptography', 'grpc'"
        probe = f"import sys, etcdpilot.spec.build, etcdpilot.spec.write; print([m for m in ({modules}) if m in sys.modules])"
        ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "[]"

    def test_the_backup_section_is_read_with_its_defaults_and_paths_beside_the_file(self) -> None:
        text = SMALL + "backup: {store: s3://b/etcd, endpoint: https://h:1, credentials-file: s3.ini, schedule: 6h}\n"
        kept = json.loads(json.dumps(resolve(text, "cluster.yaml", "/srv")))
        said = build(kept).backup
        assert said is not None and said.keep is None and said.schedule == "6h"
        assert dict(said.options) == {"endpoint": "https://h:1", "credentials-file": "/srv/s3.ini"}
        assert (said.on_members.directory, said.on_members.schedule, said.on_members.keep) == (
            "/var/backups/etcd",
            "6h",
            7,
        )
        assert build(resolve(SMALL, "cluster.yaml", "/srv")).backup is None
