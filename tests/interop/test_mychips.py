"""Agents of the MyCHIPs profile (PROTOCOL.md §14) with a running node: N and KK, I, messages, the end, and silence."""

import os
import time
import unittest

from connection import Closed, Connection, soon
from host import Host
from mychips import CLOSE, DONE, MESSAGE, REMOVED, Agent, Attempt, Packets, Transport, first_contact, framed, known_agent
from watch import Watch


def counter() -> int:
    return time.time_ns() // 1_000


class Line:
    """A connection that the node has answered, and that was confirmed."""

    def __init__(self, host: Host, attempt: Attempt):
        self._connection = Connection(host.agents_address)
        self.packets = Packets(self._connection)
        self.packets.send(*attempt.packets)
        self.transport: Transport = attempt.read_answer(self.packets.receive(soon()))
        self.packets.send(self.transport.confirmation())

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_) -> None:
        self._connection.close()

    def say(self, message: bytes) -> None:
        self.packets.send(self.transport.message(message))

    def hear(self) -> bytes:
        """The plaintext of the next T."""
        return self.transport.open(self.packets.receive(soon()))


class Agents(unittest.TestCase):
    host: Host

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Host())

    def agent(self) -> Agent:
        """Somebody new."""
        return Agent(os.urandom(32))

    def member(self) -> Agent:
        agent = self.agent()
        self.assertIn("member", self.host.add_agent(agent.id))
        return agent

    def call(self, agent: Agent, **said) -> Attempt:
        return known_agent(agent, self.host.agent, counter(), **said)

    def test_messages_go_both_ways_and_both_ends_close(self):
        with Line(self.host, self.call(self.member())) as line:
            for message in (b"hello", b"", os.urandom(10_000), os.urandom(19_000)):
                line.say(message)
                self.assertEqual(line.hear(), MESSAGE + b"heard: " + message)
            line.packets.send(line.transport.close(DONE))
            self.assertEqual(line.hear(), CLOSE + bytes((DONE,)))
            with self.assertRaises(Closed):
                line.packets.receive(soon())

    def test_what_is_said_early_is_answered_once_it_counts(self):
        with Line(self.host, self.call(self.member(), early=b"early")) as line:
            self.assertEqual(line.hear(), MESSAGE + b"heard: early")

    def test_an_agent_comes_by_a_ticket_once_and_is_a_member_from_then_on(self):
        ticket, agent = self.host.invite(), self.agent()
        token = ticket.id + ticket.secret
        with Line(self.host, first_contact(agent, self.host.agent, counter(), token)) as line:
            line.say(b"first")
            self.assertEqual(line.hear(), MESSAGE + b"heard: first")
        with Line(self.host, self.call(agent)) as line:
            line.say(b"again")
            self.assertEqual(line.hear(), MESSAGE + b"heard: again")
        watch = Watch(self.host.agents_address)
        again = first_contact(self.agent(), self.host.agent, counter(), token)
        wrong = first_contact(self.agent(), self.host.agent, counter(), self.host.invite().id + os.urandom(32))
        self.addCleanup(watch.begin("the ticket was used", b"".join(map(framed, again.packets))).close)
        self.addCleanup(watch.begin("the ticket has another secret", b"".join(map(framed, wrong.packets))).close)
        watch.assert_silence(self)

    def test_a_member_that_is_removed_is_told_and_does_not_come_in_again(self):
        agent = self.member()
        with Line(self.host, self.call(agent)) as line:
            line.say(b"still here")
            self.assertEqual(line.hear(), MESSAGE + b"heard: still here")
            self.host.remove_agent(agent.id)
            self.assertEqual(line.hear(), CLOSE + bytes((REMOVED,)))
        watch = Watch(self.host.agents_address)
        self.addCleanup(watch.begin("removed", b"".join(map(framed, self.call(agent).packets))).close)
        watch.assert_silence(self)

    def test_what_is_wrong_is_answered_with_silence(self):
        agent, other = self.member(), self.member()
        recorded = self.call(agent)
        with Line(self.host, recorded) as line:
            line.say(b"once")
            self.assertEqual(line.hear(), MESSAGE + b"heard: once")
        claim, request = self.call(agent).packets
        elsewhere = known_agent(agent, other.id, counter())
        stale = known_agent(other, self.host.agent, counter())
        with Line(self.host, known_agent(other, self.host.agent, counter() + 1)):
            pass
        attempts = {
            "nobody knows them": self.call(self.agent()).packets,
            "they claim to be a member": self.call(self.agent(), claims=agent.id).packets,
            "it was recorded": recorded.packets,
            "an older counter": stale.packets,
            "another claim's request": [claim, self.call(agent).packets[1]],
            "no claim": [request],
            "only a claim": [claim],
            "two claims": [claim, claim],
            "another agent is meant": elsewhere.packets,
            "a changed request": [claim, request[:-1] + bytes((request[-1] ^ 1,))],
            "T before anything": [b"T" + bytes(16)],
            "another kind": [b"X" + bytes(80)],
        }
        watch = Watch(self.host.agents_address)
        for what, packets in attempts.items():
            self.addCleanup(watch.begin(what, b"".join(map(framed, packets))).close)
        self.addCleanup(watch.begin("a length of 4 GiB", b"\xff\xff\xff\xff").close)
        self.addCleanup(watch.begin("a length of nothing", bytes(4)).close)
        self.addCleanup(watch.begin("nothing at all", b"").close)
        watch.assert_silence(self)

    def test_a_changed_message_ends_the_connection(self):
        with Line(self.host, self.call(self.member())) as line:
            packet = line.transport.message(b"hello")
            line.packets.send(packet[:-1] + bytes((packet[-1] ^ 1,)))
            with self.assertRaises(Closed):
                line.packets.receive(soon())


if __name__ == "__main__":
    unittest.main()
