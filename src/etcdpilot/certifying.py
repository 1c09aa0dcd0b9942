"""What etcdpilot does with certificates because it was asked for: the stories beside those of pilot.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdpilot import pilot
from etcdpilot.model.rotation import Phase
from etcdpilot.observing.memory import remember, remember_identity
from etcdpilot.pilot import Site

if TYPE_CHECKING:
    from etcdpilot.applying.clients import ClientWish
    from etcdpilot.model.certificate_rows import CertificateReport
    from etcdpilot.model.cluster import ClusterSpec
    from etcdpilot.model.plans import Plan
    from etcdpilot.observing.clock import Clock
    from etcdpilot.stores.clients import IssuedClient
    from etcdpilot.stores.state import StateFolder


async def report(site: Site) -> CertificateReport:
    """Every certificate on the controller and the hosts, and what listeners show. Changes nothing."""
    from etcdpilot.observing.certificates import look_at_certificates

    memory = remember(site.state, site.identity)
    return await look_at_certificates(site.wanted, site.state, site.fleet, site.door, memory, site.clock.now())


async def renew(site: Site) -> Plan:
    """The plan that issues every leaf anew; it restarts nobody."""
    from etcdpilot.planning.rotation import renewal_plan

    memory = pilot.settle_identity(site)
    seen = await pilot.look(site, memory)
    return renewal_plan(site.wanted, seen, pilot.follow_members(site, seen, memory), site.clock.now())


async def rotate(site: Site, until: Phase = Phase.SETTLED, *, again: bool = False) -> Plan:
    """The plan of a rotation up to and with a phase, or what is left of it."""
    from etcdpilot.planning.rotation import rotation_plan

    memory = pilot.settle_identity(site)
    seen = await pilot.look(site, memory)
    memory = pilot.follow_members(site, seen, memory)
    return rotation_plan(site.wanted, seen, memory, site.clock.now(), until, again=again)


async def rescue(site: Site, *, new_authority: bool) -> Plan:
    """The plan that brings back a cluster whose certificates have ended, or whose authorities' keys are lost."""
    from etcdpilot.planning.rescue import rescue_plan

    await take_over(site)
    memory = pilot.settle_identity(site)
    seen = await pilot.look(site, memory)
    return rescue_plan(site.wanted, seen, memory, site.clock.now(), new_authority=new_authority)


def is_lost(site: Site) -> bool:
    """Whether there are no authorities here: then nobody can tell from here how the cluster does."""
    return site.wanted.encrypted and not site.state.authorities()


async def take_over(site: Site) -> None:
    """Where the state folder is lost: who the cluster is, as its hosts tell. Written down before anything is planned."""
    if not is_lost(site):
        return
    from etcdpilot.observing.lost_state import identity_of_hosts

    seen = await pilot.look(site, remember_identity(site.identity))
    if found := identity_of_hosts(site.wanted, seen):
        site.state.write_identity(found)


def issue_client(wanted: ClusterSpec, state: StateFolder, wish: ClientWish, clock: Clock) -> IssuedClient:
    """A certificate for whoever uses the cluster. It changes no host, so no lock of theirs is taken."""
    from etcdpilot.applying import clients
    from etcdpilot.stores.journal import Journal
    from etcdpilot.stores.lock import locked, user

    with locked(state, "pki client", clock.now()):
        issued = clients.issue_client(wanted, state, wish, clock.now())
        words = f"issue a client certificate {wish.name} for {issued.common_name}, {issued.fingerprint}"
        Journal(state.journal, run="client", by=user()).write("done", words, clock.now())
    return issued
