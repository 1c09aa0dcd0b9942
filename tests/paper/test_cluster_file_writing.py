"""The cluster files that we write ourselves load again and say what was asked for; so do the examples and the schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.model.addresses import MemberUrl
from etcdpilot.model.cluster import Archive, Directory, Found, HostKeys, HostKind, Profile, ServiceStyle, TlsMode
from etcdpilot.model.errors import SpecError
from etcdpilot.model.identity import cluster_id, member_id
from etcdpilot.spec.load import Loaded, load, load_file
from etcdpilot.spec.schema_document import json_schema
from etcdpilot.spec.write import LocalMember, init_file, local_file

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> Loaded:
    return load_file(EXAMPLES / f"{name}.yaml")


class TestInit:
    def test_three_hosts_make_a_complete_file_that_loads_as_it_is(self) -> None:
        text = init_file(["192.0.2.10", "192.0.2.11", "192.0.2.12"], version="3.6.14")
        spec = load(text).spec
        assert (spec.name, str(spec.version), spec.kind) == ("etcd", "3.6.14", HostKind.SSH)
        assert [member.name for member in spec.members] == ["etcd-0", "etcd-1", "etcd-2"]
        assert isinstance(spec.source, Archive) and spec.source.sha256 == ()

    def test_a_host_may_bring_its_user_its_port_and_its_name(self) -> None:
        hosts = ["root@192.0.2.10:2222", "db=192.0.2.11", "me@[fd00::10]:22", "v6=fd00::11", "db-9.example.com"]
        first, second, third, fourth, fifth = load(init_file(hosts, version="3.5.30")).spec.members
        assert (first.host, first.ssh.user, first.ssh.port) == ("192.0.2.10", "root", 2222)
        assert (second.name, second.host, second.ssh.user) == ("db", "192.0.2.11", "")
        assert (third.host, third.ssh.user, third.ssh.port) == ("fd00::10", "me", 22)
        assert (fourth.name, fourth.host) == ("v6", "fd00::11")
        assert (fifth.name, fifth.host) == ("etcd-4", "db-9.example.com")

    def test_every_flag_ends_in_the_file(self) -> None:
        text = init_file(
            ["h1"], name="prod", version="v3.5.30", etcd_dir="/my own/etcd:", user="admin",
            identity="~/keys/id", accept_new=True,
        )  # fmt: skip
        spec = load(text).spec
        ssh = spec.members[0].ssh
        assert (spec.name, spec.source) == ("prod", Directory("/my own/etcd:"))
        assert (ssh.user, ssh.host_keys) == ("admin", HostKeys.ACCEPT_NEW)
        assert ssh.identity == str(Path("~/keys/id").expanduser())

    def test_every_wrong_argument_is_told_at_once(self) -> None:
        with pytest.raises(SpecError) as caught:
            init_file(
                ["$(id)", "h:99999", "a=", "=h", "@h", "h2:", "x", "x", "-oProxy"], version="3.5", name="A B", user="r;"
            )
        for said in (
            "$(id)",
            "99999",
            "'a='",
            "'=h'",
            "'@h'",
            "'h2:'",
            "the host x",
            "-oProxy",
            "--etcd-version",
            "--name",
            "--user",
        ):
            assert said in caught.value.why

    def test_no_host_at_all_is_told_with_an_example(self) -> None:
        with pytest.raises(SpecError, match="at least one host"):
            init_file([], version="3.5.30")

    @settings(max_examples=100, deadline=None)
    @given(st.text(max_size=20), st.text(max_size=10))
    def test_whatever_the_arguments_hold_the_file_loads_or_the_arguments_are_refused(
        self, host: str, name: str
    ) -> None:
        try:
            text = init_file([host], version="3.5.30", name=name)
        except SpecError:
            return
        assert load(text).spec.name == name


class TestUp:
    MEMBERS = (LocalMember("etcd-0", 2379, 2380), LocalMember("etcd-1", 2381, 2382), LocalMember("etcd-2", 2383, 2384))

    def test_the_file_of_up_loads_as_a_local_cluster_with_its_ports(self) -> None:
        spec = load(local_file("dev", self.MEMBERS), folder="/srv/dev").spec
        assert (spec.name, spec.kind, spec.version, spec.source) == ("dev", HostKind.LOCAL, None, Found())
        assert [MemberUrl.parse(member.advertise_peer_urls[0]).port for member in spec.members] == [2380, 2382, 2384]
        assert dict(spec.members[0].options)["election-timeout"] == "200"

    def test_what_was_asked_for_is_in_it(self) -> None:
        text = local_file(
            "dev",
            [LocalMember("a", 1, 2, "::1")],
            version="3.4.23",
            etcd_dir="/a folder/bin",
            tls=False,
            timers="default",
            options={"enable-v2": "true"},
        )
        spec = load(text, folder="/srv").spec
        assert (str(spec.version), spec.source) == ("3.4.23", Directory("/a folder/bin"))
        assert (spec.tls.mode, spec.timers) == (TlsMode.OFF, "default")
        assert spec.members[0].advertise_client_urls == ("http://[::1]:1",)
        assert dict(spec.members[0].options) == {"pre-vote": "true", "enable-v2": "true"}

    def test_a_wrong_argument_is_told(self) -> None:
        with pytest.raises(SpecError, match="NAME"):
            local_file("../x", self.MEMBERS)
        with pytest.raises(SpecError, match="at least 1"):
            local_file("dev", [])
        with pytest.raises(SpecError, match="--port"):
            local_file("dev", [LocalMember("a", 0, 70000)])

    def test_neither_file_needs_a_yaml_library(self) -> None:
        probe = (
            "import sys, etcdpilot.spec.write; print([m for m in ('yaml', 'ruamel', 'pydantic') if m in sys.modules])"
        )
        ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "[]"


class TestExamples:
    @pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
    def test_every_example_loads_and_says_what_it_is_for(self, path: Path) -> None:
        assert path.read_text().startswith("# ")
        assert len(load_file(path).spec.members) in (1, 3)

    def test_one_certificate_for_everything_stands_in_the_units_flags(self) -> None:
        spec = example("kubernetes-one-certificate").spec
        member = spec.members[0]
        assert (spec.tls.profile, spec.tls.single_authority) == (Profile.SHARED, True)
        assert spec.tls.files.server_cert == spec.tls.files.peer_cert == "kubernetes.pem"
        assert spec.tls.authority_name != spec.tls.subject.common_name == "kubernetes"
        assert (member.service.style, member.service.working_directory) == (ServiceStyle.FLAGS, "/var/lib/etcd")
        assert member.listen_client_urls == ("https://198.51.100.201:2379", "https://127.0.0.1:2379")
        assert dict(member.service.settings)["LimitNOFILE"] == "65536"

    def test_the_application_directory_listens_without_tls_on_loopback_alone(self) -> None:
        loaded = example("app-directory")
        member = loaded.spec.members[0]
        assert member.listen_client_urls == ("https://198.51.100.55:2379", "http://127.0.0.1:2379")
        assert member.advertise_client_urls == ("https://198.51.100.55:2379",)
        assert (member.paths.data, member.paths.tls) == ("/app/etcddata", "/app/etcd/ssl")
        assert (loaded.spec.tls.extra_names, loaded.spec.tls.loopback_names) == (("localhost",), False)
        assert any("root" in warning.what for warning in loaded.warnings)

    def test_plain_http_members_are_warned_of(self) -> None:
        loaded = example("plain-http-static")
        assert loaded.spec.tls.mode is TlsMode.OFF
        assert loaded.spec.members[2].advertise_peer_urls == ("http://192.0.2.12:2380",)
        assert any("reads and writes everything" in warning.what for warning in loaded.warnings)

    def test_certificates_for_each_host_name_it_and_its_address_and_no_loopback(self) -> None:
        loaded = example("certificates-per-host")
        member = loaded.spec.members[0]
        assert member.listen_client_urls == ("https://203.0.113.100:2379",)
        assert (member.extra_names, member.addresses) == (("master-100",), ("203.0.113.100",))
        assert dict(member.service.settings)["TimeoutStartSec"] == "0"
        assert (member.paths.env_file, loaded.spec.tls.client_file) == ("/etc/etcd.env", "client")
        assert any("started for ever" in warning.what for warning in loaded.warnings)

    def test_the_environment_file_layout_keeps_the_certificates_in_the_unit(self) -> None:
        spec = example("env-file").spec
        assert spec.members[0].service.style is ServiceStyle.MIXED
        assert spec.members[0].paths.env_file == "/etc/etcd/etcd.conf"
        assert (spec.tls.authority_lifetime.days, spec.tls.extra_names) == (3650, ("127.0.0.1",))
        assert spec.tls.subject.parts == (
            ("C", "CN"),
            ("ST", "JiangSu"),
            ("L", "NanTong"),
            ("O", "k8s"),
            ("OU", "System"),
        )

    def test_one_member_with_two_ports_gets_the_ids_that_etcd_gives_it_by_its_own_defaults(self) -> None:
        spec = example("one-member-two-ports").spec
        identity = member_id(spec.members[0].advertise_peer_urls, spec.token)
        assert (identity, cluster_id([identity])) == (10276657743932975437, 14841639068965178418)


class TestSchema:
    def test_it_is_plain_json_and_every_section_refuses_what_it_does_not_know(self) -> None:
        schema = json.loads(json.dumps(json_schema()))
        assert schema["required"] == ["name", "members"]
        assert all(section["additionalProperties"] is False for section in (schema, *schema["$defs"].values()))

    def test_every_key_that_is_not_a_section_or_a_plain_word_is_described(self) -> None:
        schema = json_schema()
        undescribed = [
            f"{name}.{key}"
            for name, section in schema["$defs"].items()
            for key, value in section["properties"].items()
            if "description" not in value and not any(form in str(value) for form in ("$ref", "pattern"))
        ]
        assert set(undescribed) <= {"Bootstrap.static", "Discovery.url", "Discovery.token"} | {
            f"TlsFiles.{key}" for key in schema["$defs"]["TlsFiles"]["properties"]
        } | {f"Keep.{key}" for key in schema["$defs"]["Keep"]["properties"]}

    def test_one_word_may_stand_for_the_wheel_and_for_static(self) -> None:
        schema = json_schema()
        assert schema["properties"]["bootstrap"]["anyOf"][0] == {"enum": ["static"]}
        assert schema["$defs"]["Etcd"]["properties"]["source"]["anyOf"][0] == {"enum": ["wheel", "found"]}
