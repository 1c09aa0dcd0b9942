"""A cluster with certificates on paper: what lies on each disk, and what each process has read.

etcd's own rules are kept: a leaf is read at every handshake, an authority when a process starts. After every step each
running member must let in each other, and the operator, as it is then; where one would not, that is `Harmed`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from etcdpilot.model.certificates import CertificateFacts, CertificateSpec, KeyUsage
from etcdpilot.model.cluster import MemberSpec
from etcdpilot.model.files import AuthorityBundle, FileSeen, LeafCertificate
from etcdpilot.model.knowledge import Known, Unknown
from etcdpilot.model.memory import AuthorityKept
from etcdpilot.model.observation import HostSeen
from etcdpilot.model.rotation import Phase, Rotation
from etcdpilot.model.steps import IssueOperator, MakeAuthorities, SaveSnapshot, Step, TurnAuthorities, WriteFiles
from etcdpilot.rendering.certificate_files import client_authority, peer_authority
from etcdpilot.testing.clock import EPOCH
from etcdpilot.testing.paper_cluster import Harmed, PaperCluster


def kept(name: str, generation: int) -> AuthorityKept:
    facts = certificate(name, (), EPOCH - timedelta(days=30), timedelta(days=3650), f"{name}-{generation}", "")
    return AuthorityKept(name, f"{name} {generation}\n", replace(facts, is_ca=True))


def certificate(
    name: str, hosts: tuple[str, ...], begins: datetime, lifetime: timedelta, own_id: str, issuer_id: str
) -> CertificateFacts:
    return CertificateFacts(
        subject=(("CN", name),),
        issuer=(("CN", issuer_id),),
        serial=1,
        dns_names=hosts,
        ip_addresses=(),
        other_names=(),
        not_before=begins,
        not_after=begins + lifetime,
        key_algorithm="ecdsa",
        key_size=256,
        usages=frozenset({KeyUsage.DIGITAL_SIGNATURE}),
        extended_usages=("server auth", "client auth"),
        is_ca=False,
        path_length=None,
        fingerprint=f"{own_id} by {issuer_id} from {begins}",
        public_key=own_id,
        subject_key_id=own_id,
        authority_key_id=issuer_id,
        signature="ecdsa-sha256",
    )


@dataclass
class PaperTrust(PaperCluster):
    """`disk` and `read` hold what certificate files say, by member and path; `began` when each process did."""

    disk: dict[tuple[str, str], CertificateFacts | str] = field(default_factory=dict)
    times: dict[tuple[str, str], float] = field(default_factory=dict)
    read: dict[tuple[str, str], str] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    generations: int = 1
    dark: bool = False  # processes run, and let nobody in

    @property
    def moment(self) -> float:
        """By the one clock that all hosts share, in seconds since 1970."""
        return self.now().timestamp()

    # ---- what a look sees ----

    def answering(self) -> frozenset[str]:
        return frozenset() if self.dark else super().answering()

    def host_seen(self, member: MemberSpec) -> Known[HostSeen] | Unknown:
        found = super().host_seen(member)
        if isinstance(found, Unknown):
            return found
        host, name = found.value, member.name
        files = tuple(self.file_seen(name, file) for file in host.files)
        leaves = tuple((path, facts) for (who, path), facts in self.disk.items() if who == name and is_leaf(facts))
        process = host.process and replace(host.process, started=self.began.get(name, 0.0))
        machine = replace(host.machine, clock=self.moment)
        return Known(replace(host, files=files, certificates=leaves, process=process, machine=machine))  # type: ignore[arg-type]

    def file_seen(self, name: str, file: FileSeen) -> FileSeen:
        said = self.disk.get((name, file.path))
        sha256 = hashlib.sha256(said.encode()).hexdigest() if isinstance(said, str) else file.sha256
        return replace(file, sha256=sha256, modified=self.times.get((name, file.path), 0.0))

    # ---- what a step does ----

    def do(self, step: Step) -> None:
        self.clock.passed += 1
        super().do(step)
        match step:
            case MakeAuthorities(names):
                self.memory = replace(self.memory, authorities=tuple(kept(name, 1) for name in names))
                self.issue_operator()
            case IssueOperator():
                self.issue_operator()
            case SaveSnapshot():
                self.memory = replace(self.memory, backed_up=self.now())
            case TurnAuthorities(names, phase):
                self.turn(names, phase)
            case WriteFiles(files):
                for name, specs in files:
                    for spec in specs:
                        self.write(name, spec.path, spec.content)
            case _:
                pass
        self.require_trust(step)

    def write(self, name: str, path: str, content: object) -> None:
        self.times[name, path] = self.moment
        match content:
            case AuthorityBundle(authorities):
                texts = [each.certificate for authority in authorities for each in self.memory.trusted(authority)]
                self.disk[name, path] = "".join(texts)
            case LeafCertificate(spec):
                self.disk[name, path] = self.issued(spec)
            case _:
                pass

    def issued(self, spec: CertificateSpec) -> CertificateFacts:
        signer = self.memory.authority(spec.authority)
        assert signer is not None
        own_id = f"{spec.common_name} {spec.purpose.value} {self.clock.passed}"
        return certificate(
            spec.common_name, spec.hosts, self.now(), spec.lifetime, own_id, signer.facts.subject_key_id or ""
        )

    def issue_operator(self) -> None:
        name = client_authority(self.wanted)
        facts = self.issued(CertificateSpec.of_client("root", authority=name))
        texts = "".join(each.certificate for each in self.memory.trusted(name))
        digest = hashlib.sha256(texts.encode()).hexdigest()
        self.memory = replace(self.memory, operator=facts, has_operator=True, operator_trust=digest)

    def turn(self, names: tuple[str, ...], phase: Phase) -> None:
        before, memory = self.memory.rotation, self.memory
        old, new = memory.authorities, memory.beside
        match phase:
            case Phase.TRUSTING | Phase.RESCUING:
                self.generations += 1
                made = tuple(kept(name, self.generations) for name in names)
                old, new = (old, made) if phase is Phase.TRUSTING else (made, ())
            case Phase.ISSUING:
                old, new = new, old
            case Phase.DROPPING:
                new = ()
            case Phase.SETTLED:
                self.memory = replace(memory, rotation=None, rotated=self.now())
                return
            case _:
                assert_never(phase)
        rotation = Rotation(phase, names, before.began if before else "paper")
        self.memory = replace(memory, rotation=rotation, authorities=old, beside=new)
        self.issue_operator()

    def run(self, name: str) -> None:
        super().run(name)
        self.began[name] = self.moment
        self.read |= {
            (who, path): said for (who, path), said in self.disk.items() if who == name and isinstance(said, str)
        }
        self.dark = any(self.has_ended(each) for each in self.running_members())
        self.elect()

    # ---- what must hold ----

    def require_trust(self, step: Step) -> None:
        if self.dark or not self.entries:
            return
        for name in self.running_members():
            for other in self.running_members():
                if not self.lets_in(name, peer_authority(self.wanted), self.leaf(other, "peer")):
                    raise Harmed(f"{step}: {name} does not let {other} in")
            if self.memory.operator and not self.lets_in(name, client_authority(self.wanted), self.memory.operator):
                raise Harmed(f"{step}: {name} does not let the operator in")
            signers = {each.facts.subject_key_id for each in self.memory.trusted(client_authority(self.wanted))}
            if self.leaf(name, "server").authority_key_id not in signers:
                raise Harmed(f"{step}: the operator does not trust {name}")

    def lets_in(self, name: str, authority: str, visitor: CertificateFacts) -> bool:
        path = f"{self.wanted.machine(name).paths.tls}/{authority}.crt"
        trusted = self.read.get((name, path), "").splitlines()
        return (visitor.authority_key_id or "").replace("-ca-", "-ca ") in trusted and visitor.not_after > self.now()

    def leaf(self, name: str, role: str) -> CertificateFacts:
        said = self.disk[name, f"{self.wanted.machine(name).paths.tls}/{role}.crt"]
        assert isinstance(said, CertificateFacts)
        return said

    def has_ended(self, name: str) -> bool:
        return any(self.leaf(name, role).not_after <= self.now() for role in ("server", "peer"))

    # ---- what befalls ----

    def all_end(self) -> None:
        """Every leaf, and the operator's, has ended; and every process began anew since then."""
        ended = self.now() - timedelta(days=1)

        def old(facts: CertificateFacts) -> CertificateFacts:
            return replace(facts, not_before=ended - timedelta(days=365), not_after=ended)

        self.disk = {
            where: old(said) if isinstance(said, CertificateFacts) else said for where, said in self.disk.items()
        }
        if self.memory.operator:
            self.memory = replace(self.memory, operator=old(self.memory.operator))
        self.clock.passed += 1
        for name in self.running_members():
            self.run(name)


def is_leaf(said: CertificateFacts | str) -> bool:
    return isinstance(said, CertificateFacts)
