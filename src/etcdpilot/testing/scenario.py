"""Plays a conversation with a paper cluster and gives the transcript: what was said, and what came of it.

> file a b c          the cluster file names these members
> plan                what would be done
> apply               what was done; `apply cut 2` loses the line at the third step, `apply unheard 2` after it
> option NAME=VALUE   an option of etcd in the file
> data PATH           where the file wants every member's data
> kill a, start a     a member's process
> wipe a              its data directory is empty now
> litter a, take-port a 2379, unreachable a, reachable a, forget     what befalls hosts and the state folder
> status              who is what
> certificates        the members have certificates; then `rotate`, `rotate cut 2`, `renew`, `rescue` and `rescue new`
                      carry out what those verbs plan, `rotate plan` shows it, `all-end` ends every certificate
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from etcdpilot.applying.engine import carry_out
from etcdpilot.model.cluster import ClusterSpec
from etcdpilot.model.errors import ClusterFailed
from etcdpilot.model.events import Done, Failed, Stale
from etcdpilot.model.plans import Plan
from etcdpilot.testing.paper_cluster import PaperCluster
from etcdpilot.testing.paper_trust import PaperTrust

FILE = """\
name: paper
token: paper
etcd: {{version: 3.5.30, source: wheel, options: {{{options}}}}}
tls: {{mode: {tls}}}
{hosts}members:
{members}
"""


class Scenario:
    """One cluster and its file; `say` plays a command and returns the lines that answer it."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ("a", "b", "c")
        self.options: dict[str, str] = {}
        self.data = ""
        self.encrypted = False
        self.cluster: PaperCluster = PaperCluster(self.wanted())

    def wanted(self) -> ClusterSpec:
        from etcdpilot.spec.build import build
        from etcdpilot.spec.load import resolve

        rows = "\n".join(f"  - {{name: {name}, host: 10.0.0.{ord(name) - 86}}}" for name in self.names)
        options = ", ".join(f"{name}: {value}" for name, value in self.options.items())
        hosts = f"hosts: {{paths: {{data: {self.data}}}}}\n" if self.data else ""
        tls = "mutual" if self.encrypted else "off"
        return build(resolve(FILE.format(options=options, members=rows, hosts=hosts, tls=tls), "cluster.yaml", "/"))

    def say(self, command: str) -> list[str]:
        verb, *words = command.split()
        match verb, words:
            case "file", names:
                self.names = tuple(names)
                self.reread()
            case "option", [setting]:
                name, _, value = setting.partition("=")
                self.options[name] = value
                self.reread()
            case "data", [path]:
                self.data = path
                self.reread()
            case "plan", []:
                return self.told(self.cluster.plan())
            case "apply", [] | ["cut" | "unheard", _]:
                return self.do(self.cluster.plan(), words)
            case "certificates", []:
                self.encrypted = True
                self.cluster = PaperTrust(self.wanted())
            case "rotate" | "renew" | "rescue", _ if isinstance(self.cluster, PaperTrust):
                return self.certify(verb, words, self.cluster)
            case "all-end", [] if isinstance(self.cluster, PaperTrust):
                self.cluster.all_end()
            case "status", []:
                return [str(self.cluster.states())]
            case _:
                self.befall(verb, words)
        return []

    def befall(self, verb: str, words: list[str]) -> None:
        host = self.cluster.host(words[0]) if words else None
        match verb, host:
            case "kill", _:
                self.cluster.dies(words[0])
            case "start", _:
                self.cluster.run(words[0])
            case "wipe", host if host:
                host.has_data = False
            case "litter", host if host:
                host.strangers_files = True
            case "take-port", host if host:
                host.busy_ports = (int(words[1]),)
            case "unreachable", host if host:
                host.unreachable = "it does not answer"
            case "reachable", host if host:
                host.unreachable = ""
            case "forget", _:
                self.cluster.memory = replace(self.cluster.memory, token="another", formed=False)
            case _:
                raise ValueError(f"no such command: {verb}")

    def reread(self) -> None:
        self.cluster.wanted = self.wanted()
        if not self.cluster.entries:
            self.cluster = PaperCluster(self.cluster.wanted)

    def certify(self, verb: str, words: list[str], cluster: PaperTrust) -> list[str]:
        plan = planned(verb, cluster, new_authority="new" in words)
        return self.told(plan) if "plan" in words else self.do(plan, [word for word in words if word != "new"])

    def do(self, plan: Plan, words: list[str]) -> list[str]:
        if plan.refusals or not plan.steps:
            return self.told(plan)
        self.cluster.cut_after = len(self.cluster.taken) + int(words[1]) if words else None
        self.cluster.unheard = bool(words) and words[0] == "unheard"
        said = asyncio.run(self.carried_out(plan))
        self.cluster.mend()
        return said

    async def carried_out(self, plan: Plan) -> list[str]:
        said: list[str] = []
        try:
            async for event in carry_out(plan, self.cluster):
                match event:
                    case Done(number, step):
                        said.append(f"done {number}. {step}")
                    case Failed(number, step, why):
                        said.append(f"FAILED {number}. {step}: {why}")
                    case Stale(number, step, _, seen):
                        said.append(f"STALE {number}. {step}: there is {seen}")
        except ClusterFailed:
            pass
        return said

    def told(self, plan: Plan) -> list[str]:
        said = [f"{number}. {each.step}" for number, each in enumerate(plan.steps, 1)]
        said += [f"refused: {refusal.what} {refusal.why}" for refusal in plan.refusals]
        return said or ["nothing to do"]


def planned(verb: str, cluster: PaperTrust, *, new_authority: bool = False) -> Plan:
    """What `pki rotate-ca`, `pki renew` and `pki rescue` plan."""
    from etcdpilot.planning.rescue import rescue_plan
    from etcdpilot.planning.rotation import renewal_plan, rotation_plan

    ground = (cluster.wanted, cluster.seen(), cluster.memory, cluster.now())
    match verb:
        case "rotate":
            return rotation_plan(*ground)
        case "renew":
            return renewal_plan(*ground)
        case _:
            return rescue_plan(*ground, new_authority=new_authority)


def played(text: str) -> str:
    """The same conversation with every answer as it is now. Lines that begin with # and empty lines stay."""
    scenario, lines = Scenario(), []
    for line in text.splitlines():
        if line.startswith("> "):
            lines.append(line)
            lines += [f"  {said}" for said in scenario.say(line.removeprefix("> "))]
        elif not line or line.startswith("#"):
            lines.append(line)
    return "\n".join(lines) + "\n"
