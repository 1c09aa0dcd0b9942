"""The way from http to https and back: nobody speaks https to whoever has no certificates, at any step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcdpilot.model.cluster import TlsMode
from etcdpilot.model.steps import MakeAuthorities, RestartMember, Step, UpdateMember, WriteFiles
from etcdpilot.planning.encryption import Speaks, half_way, spoken
from etcdpilot.planning.members import Ground
from etcdpilot.rendering.options import member_options
from etcdpilot.rendering.running import environment_options
from etcdpilot.testing.paper_site import PaperSite
from tests.paper.clusters import cluster
from tests.paper.test_changing import Case, built, plan_of


def three(towards: TlsMode) -> PaperSite:
    """Three voters that run what a file of the other mode says."""
    site = built(Case(("voting",) * 3 + ("absent",) * 2, (0, 1, 2), frozenset(), site_version(), (), False))
    plain = site.wanted
    secret = replace(cluster(*map(encrypted, plain.members), version=plain.version), former=())
    now, then = (plain, secret) if towards is TlsMode.MUTUAL else (secret, plain)
    site.wanted = now
    for member in now.members:
        options = member_options(now, member, initial(now))
        site.hosts[member.name].environment = tuple(
            ("ETCD_" + name.upper().replace("-", "_"), value) for name, value in options.items()
        )
        site.change(member.name, lambda entry, urls=member.advertise_peer_urls: replace(entry, peer_urls=urls))
    site.wanted = then
    return site


def site_version():
    from tests.paper.test_changing import BEFORE

    return BEFORE


def initial(wanted):
    from etcdpilot.rendering.options import InitialCluster

    return InitialCluster("existing", "t0k3n", tuple((each.name, each.advertise_peer_urls) for each in wanted.members))


def encrypted(member):
    return replace(
        member,
        **{
            key: tuple(url.replace("http:", "https:") for url in getattr(member, key))
            for key in ("listen_peer_urls", "advertise_peer_urls", "listen_client_urls", "advertise_client_urls")
        },
    )


def walked(site: PaperSite, steps: list[Step]):
    """How each member speaks after every restart, as the files that were written before it say."""
    found = spoken(Ground(site.wanted, site.seen(), site.follow(), site.clock.now()))
    waiting: dict[str, Speaks] = {}
    for step in steps:
        match step:
            case WriteFiles(files):
                for name, each in files:
                    if text := next((file.content.text for file in each if file.path.endswith(".env")), None):
                        waiting[name] = how(text)
            case RestartMember(name):
                found = found | {name: waiting[name]}
        yield step, found


def how(env_file: str) -> Speaks:
    lines = (line.partition("=") for line in env_file.splitlines() if line.startswith("ETCD_"))
    options = environment_options({name: value.strip('"') for name, _, value in lines})
    if options["listen-peer-urls"].startswith("https:"):
        return Speaks.SECRET
    return Speaks.BETWEEN if "peer-cert-file" in options else Speaks.PLAIN


@pytest.mark.parametrize("towards", TlsMode)
def test_who_speaks_https_never_has_a_peer_without_certificates(towards: TlsMode):
    site = three(towards)
    plan = plan_of(site)
    assert not plan.refusals
    steps = [each.step for each in plan.steps]
    for step, found in walked(site, steps):
        assert not {Speaks.PLAIN, Speaks.SECRET} <= set(found.values()), (str(step), found)
    assert set(found.values()) == {Speaks.SECRET if towards is TlsMode.MUTUAL else Speaks.PLAIN}
    assert [type(step) for step in steps].count(RestartMember) == 6
    assert [type(step) for step in steps].count(UpdateMember) == 3, "each is told once, before its restart"
    assert any("answers" in warning for warning in plan.warnings)


def test_the_authorities_are_made_first_and_certificates_are_written_once():
    steps = [each.step for each in plan_of(three(TlsMode.MUTUAL)).steps]
    assert isinstance(steps[0], MakeAuthorities)
    written = [
        (name, file.path)
        for step in steps
        if isinstance(step, WriteFiles)
        for name, files in step.files
        for file in files
        if file.path.endswith((".crt", ".key"))
    ]
    assert len(written) == len(set(written)) == 18


def test_on_the_way_back_no_certificate_is_touched():
    steps = [each.step for each in plan_of(three(TlsMode.OFF)).steps]
    paths = {file.path for step in steps if isinstance(step, WriteFiles) for _, files in step.files for file in files}
    assert not any(path.endswith((".crt", ".key")) for path in paths)


def test_a_voter_that_cannot_be_reached_closes_the_way():
    site = three(TlsMode.MUTUAL)
    site.hosts["etcd-1"].up = False
    refusals = plan_of(site).refusals
    assert [each.invariant for each in refusals] == ["I4"] and "etcd-1 cannot be reached" in refusals[0].what


def test_a_voter_that_is_down_is_started_as_it_was_before_anything_else():
    site = three(TlsMode.MUTUAL)
    site.hosts["etcd-1"].running = False
    steps = [str(each.step) for each in plan_of(site).steps]
    assert steps[1] == "start etcd-1" and not steps[0].startswith("write")


def test_half_way_every_url_is_http_and_every_member_has_certificates():
    middle = half_way(three(TlsMode.MUTUAL).wanted)
    assert middle.encrypted
    assert all(url.startswith("http:") for url in middle.client_urls)
