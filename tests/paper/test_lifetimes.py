"""Certificates that end: whatever else is to be done, they are renewed first, and nobody restarts among ending ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etcdpilot.model.answers import MemberEntry
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.files import FileSeen, LeafCertificate, LeafKey
from etcdpilot.model.steps import Step, WriteFiles
from etcdpilot.rendering.certificate_files import certificate_files
from etcdpilot.testing.paper_certificates import paper_authority, paper_leaf
from etcdpilot.testing.paper_site import PaperHost, PaperSite
from tests.paper.clusters import cluster, member
from tests.paper.invariants import broken
from tests.paper.test_changing import AFTER, BEFORE, Broken, follow, plan_of

YEAR = timedelta(days=365)
ENDS = (timedelta(days=-2), timedelta(hours=6), timedelta(days=3), timedelta(days=300))  # from now
GOALS = ((0, 1, 2), (0, 1, 2, 3), (0, 1), (0, 2, 4))


def site_of(ends: tuple[timedelta, ...], goal: tuple[int, ...], version=AFTER) -> PaperSite:
    """Three voters whose certificates end then; the file wants `goal`, and another version."""
    everybody = [member(number) for number in range(5)]
    wanted = cluster(*[everybody[place] for place in goal], version=version)
    wanted = replace(wanted, former=tuple(each for place, each in enumerate(everybody) if place not in goal))
    site = PaperSite(wanted, {}, [])
    now = site.clock.now()
    kept = tuple(paper_authority(name, now) for name in ("peer-ca", "client-ca"))
    site.memory = replace(site.memory, authorities=kept, has_operator=True)
    for place, one in enumerate(everybody):
        host = site.hosts[one.name] = PaperHost(binary=BEFORE, runs=BEFORE, enabled=True)
        if place > 2:
            continue
        site.entries.append(MemberEntry(0x100 + place, one.name, one.advertise_peer_urls, (), False))
        host.data, host.running = 0x100 + place, True
        wear(host, wanted, one.name, now + ends[place])
    site.elect()
    return site


def wear(host: PaperHost, wanted: ClusterSpec, name: str, end) -> None:
    for file in certificate_files(wanted, wanted.machine(name)):
        if isinstance(file.content, LeafCertificate):
            host.certificates[file.path] = paper_leaf(file.content.spec, end - YEAR, end)
        if isinstance(file.content, LeafCertificate | LeafKey):
            host.files[file.path] = FileSeen(file.path, file.mode, file.owner, 1, "digest")


def lived_through(site: PaperSite) -> None:
    def watch(step: Step) -> None:
        if why := broken(site, step, 3):
            raise Broken(f"{why} — by {step}")

    site.watchers.append(watch)
    for _ in range(4):
        agreed = plan_of(site)
        if agreed.refusals:
            assert ends_beside_a_newcomer(site) and {each.invariant for each in agreed.refusals} == {"I12"}
            return
        if agreed.changes_nothing:
            break
        asyncio.run(follow(agreed, site))
    assert plan_of(site).changes_nothing
    worn = [facts for name in site.wanted.names for facts in site.hosts[name].certificates.values()]
    assert worn and all(facts.not_after > site.clock.now() + timedelta(days=100) for facts in worn)


def ends_beside_a_newcomer(site: PaperSite) -> bool:
    """Somebody joins while one that the file does not name any more, and that is not renewed, still votes."""
    soon = site.clock.now() + timedelta(hours=24)
    left = [name for name in ("etcd-0", "etcd-1", "etcd-2") if name not in site.wanted.names]
    return any(facts.not_after < soon for name in left for facts in site.hosts[name].certificates.values())


WORLDS = st.builds(site_of, st.tuples(*[st.sampled_from(ENDS)] * 3), st.sampled_from(GOALS))
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@SETTINGS
@given(WORLDS)
def test_whatever_is_wanted_certificates_that_end_are_renewed_before_anybody_meets_them(site: PaperSite):
    lived_through(site)


def test_the_renewal_is_one_step_before_all_others():
    plan = plan_of(site_of((ENDS[1], ENDS[3], ENDS[0]), (0, 1, 2)))
    first = plan.steps[0].step
    assert isinstance(first, WriteFiles) and first.members == ("etcd-0", "etcd-2")


MUTANT = ("etcdpilot.planning.changing.renewals_first", lambda changes, seen: ({}, changes))
NOBODY_MINDS = ("etcdpilot.planning.expiry_refusals", lambda *_: ())


def test_where_they_are_not_renewed_first_the_plan_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(*MUTANT)
    for goal in GOALS[:3]:
        refusals = plan_of(site_of((ENDS[1], ENDS[1], ENDS[1]), goal)).refusals
        assert "I12" in {each.invariant for each in refusals}


def test_a_mutant_that_neither_renews_nor_minds_is_caught(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(*MUTANT)
    monkeypatch.setattr(*NOBODY_MINDS)

    @settings(SETTINGS, database=None, phases=[Phase.generate])
    @given(WORLDS)
    def lived(site: PaperSite) -> None:
        lived_through(site)

    with pytest.raises((Broken, ExceptionGroup)):
        lived()
