"""The node under test: the example `interop_host` as a process of its own, on loopback."""

import json
import os
import subprocess
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from connection import PROMPTLY
from identity import Card, Device, Identity
from ticket import Ticket

# `cargo xtask interop` says where it has built it.
BINARY = os.environ.get(
    "CONCLAVE_INTEROP_HOST",
    str(Path(__file__).resolve().parents[2] / "target/debug/examples/interop_host"),
)


class Host:
    """A running node. It ends with its standard input, at the latest when it is killed."""

    def __init__(self):
        self._process = subprocess.Popen([BINARY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._lines: Queue[str] = Queue()
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            started = self._answer()
            self.card = Card.parse(started["card"])
            # Where it listens for agents (§14), and who it is to them.
            self.agents_address, self.agent = started["agents"], bytes.fromhex(started["agent"])
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_) -> None:
        self.end()

    def end(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(PROMPTLY)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._process.stdout.close()

    def add(self, card: Card) -> dict:
        return self._command("add", card.text)

    def remove(self, card: Card) -> dict:
        return self._command("remove", card.text)

    def add_agent(self, agent: bytes) -> dict:
        return self._command("add-agent", agent.hex())

    def remove_agent(self, agent: bytes) -> dict:
        return self._command("remove-agent", agent.hex())

    def invite(self, bound: Card | None = None) -> Ticket:
        """A ticket for one, for whoever has it or for the member of a card."""
        answer = self._command("invite", bound.text if bound else "")
        return Ticket.parse(answer["ticket"])

    def take(self, identity: Identity) -> tuple[Device, Card]:
        """Makes somebody a member, with one device."""
        device = Device(identity)
        card = Card(os.urandom(32), identity.key, (device.record,))
        answer = self.add(card)
        if "member" not in answer:
            raise AssertionError(f"the node did not take the card: {answer}")
        return device, card

    def newcomer(self) -> tuple[Device, Card]:
        """A device of somebody new, who is a member from now on."""
        return self.take(Identity())

    def _command(self, word: str, about: str) -> dict:
        self._process.stdin.write(f"{word} {about}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        try:
            return json.loads(self._lines.get(timeout=PROMPTLY))
        except Empty:
            raise AssertionError("the node said nothing") from None

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
