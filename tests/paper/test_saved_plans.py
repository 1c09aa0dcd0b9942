"""A plan goes through a file and comes back the same, without its secrets; what differs from it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdpilot.model.certificates import CertificateSpec
from etcdpilot.model.codec import decode, encode
from etcdpilot.model.files import AuthorityBundle, FileSpec, LeafCertificate, LeafKey, Text
from etcdpilot.model.membership import Membership, MemberState
from etcdpilot.model.plans import FileChange, Plan, Refusal
from etcdpilot.model.saved_plans import first_difference, plan_from_document, plan_to_document, without_secrets
from etcdpilot.model.steps import InstallBinaries, RestartMember, StartMembers, Step, WriteFiles
from etcdpilot.planning import proof

LEAF = CertificateSpec.of_client("root", authority="client-ca", lifetime=timedelta(days=365))
FILES = (
    FileSpec("/etc/etcd/tls/server.crt", 0o644, "etcd", LeafCertificate(LEAF)),
    FileSpec("/etc/etcd/tls/server.key", 0o600, "etcd", LeafKey("/etc/etcd/tls/server.crt")),
    FileSpec("/etc/etcd/tls/ca.crt", 0o644, "etcd", AuthorityBundle(("client-ca",))),
    FileSpec("/etc/etcd/etcd.env", 0o600, "root", Text("ETCD_INITIAL_CLUSTER_TOKEN=hush\n")),
    FileSpec("/etc/systemd/system/etcd.service", 0o644, "root", Text("[Service]\n")),
)
STATES = Membership.of(a=MemberState.VOTING, b=MemberState.DOWN, c=MemberState.VOTING)


def plan_of(*steps: Step) -> Plan:
    fenced = tuple(proof.fenced(steps, STATES))
    return Plan("prod", STATES, fenced, (Refusal("no", "because", "do"),), ("beware",), (FileChange("a", "/x", "new"),))


WHOLE = plan_of(InstallBinaries(("a",), "3.5.30"), WriteFiles((("a", FILES),), "why"), RestartMember("a", "why"))


def test_a_plan_comes_back_from_json_without_its_secrets() -> None:
    text = json.dumps(plan_to_document(WHOLE))
    assert "hush" not in text
    assert plan_from_document(json.loads(text)) == without_secrets(WHOLE)
    assert first_difference(plan_from_document(json.loads(text)), WHOLE) == ""


def values(kind: type) -> st.SearchStrategy[Any]:
    """Any value of the type; a certificate's own rules leave too few by chance, so files are those above."""
    if kind is not WriteFiles:
        return st.from_type(kind)
    files = st.lists(st.sampled_from(FILES)).map(tuple)
    return st.builds(WriteFiles, st.lists(st.tuples(st.text(), files)).map(tuple), st.text())


@pytest.mark.parametrize("kind", get_args(Step), ids=lambda kind: kind.__name__)
def test_every_step_comes_back_the_same(kind: type) -> None:
    @settings(max_examples=20)
    @given(values(kind))
    def comes_back(step: object) -> None:
        assert decode(Step, json.loads(json.dumps(encode(step)))) == step

    comes_back()


def test_secrets_that_differ_are_a_difference_all_the_same() -> None:
    other = replace(FILES[3], content=Text("ETCD_INITIAL_CLUSTER_TOKEN=other\n"))
    saved = plan_from_document(plan_to_document(plan_of(WriteFiles((("a", FILES),), "why"))))
    assert "step 1 was" in first_difference(saved, plan_of(WriteFiles((("a", (*FILES[:3], other, FILES[4])),), "why")))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (replace(WHOLE, cluster="dev"), "it is a plan for prod, not for dev"),
        (replace(WHOLE, start=Membership()), "the members were"),
        (replace(WHOLE, steps=WHOLE.steps[:-1]), "it had 3 steps, and now there are 2"),
        (replace(WHOLE, changes=()), "files on the hosts are no longer what they were"),
        (replace(WHOLE, refusals=()), "what stands in its way has changed"),
        (plan_of(StartMembers(("b",))), "step 1 was: install etcd 3.5.30 on a; now it would be: start b"),
    ],
)
def test_what_differs_is_told(now: Plan, said: str) -> None:
    assert said in first_difference(without_secrets(WHOLE), now)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"format": "etcdpilot plan", "version": 2, "plan": {}},
        {"format": "etcdpilot plan", "version": 1},
        {"format": "etcdpilot plan", "version": 1, "plan": {"is": "Plan"}},
        {"format": "other", "version": 1, "plan": plan_to_document(WHOLE)["plan"]},
    ],
)
def test_what_is_no_plan_is_refused(document: object) -> None:
    with pytest.raises(ValueError):
        plan_from_document(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["steps"][0]["step"].update({"is": "FileSeen"}),
        lambda plan: plan["steps"][0]["step"].update({"is": "DeleteEverything"}),
        lambda plan: plan["steps"][0]["step"].update({"more": 1}),
        lambda plan: plan["steps"][0]["step"].update({"members": "a"}),
        lambda plan: plan["start"].update({"states": [["a", "dancing"]]}),
        lambda plan: plan["start"].update({"states": [["a"]]}),
    ],
)
def test_only_what_a_plan_may_hold_is_read(change: Any) -> None:
    document = plan_to_document(WHOLE)
    change(document["plan"])
    with pytest.raises(ValueError):
        plan_from_document(document)


def test_bytes_have_no_place_in_a_plan() -> None:
    with pytest.raises(TypeError):
        encode((b"secret",))


def test_times_and_durations_come_back() -> None:
    now = datetime.now(UTC)
    assert decode(datetime, encode(now)) == now
    assert decode(timedelta, encode(timedelta(days=3.5))) == timedelta(days=3.5)
