"""The MyCHIPs profile (PROTOCOL.md §14) between two ends in this language: that the text fits together.

The keys and the sizes are those of the text. That a node does the same is for tests against a node to show.
"""

import unittest

from cryptography.exceptions import InvalidTag

from mychips import BASE, Agent, first_contact, known_agent, montgomery, noise, prologue_of_known
from wire import Malformed, Reader

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
ANSWERED = b"A"


class Keys(unittest.TestCase):
    def test_the_example_of_the_text(self):
        agent = Agent(SEED)
        self.assertEqual(agent.id.hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        clamped = bytearray(agent.secret)
        clamped[0] &= 248
        clamped[31] = clamped[31] & 127 | 64
        self.assertEqual(clamped.hex(), "307c83864f2833cb427a2ef1c00a013cfdff2768d980c0a3a520f006904de94f")
        public = "d85e07ec22b0ad881537c2f44d662d1a143cf830c57aca4305d85c7a90f6b62e"
        self.assertEqual(montgomery(agent.id).hex(), public)

    def test_ids_of_low_order_are_refused(self):
        for y in (0, 1, 2**255 - 20, 2**255 - 19):
            with self.subTest(y), self.assertRaises(Malformed):
                montgomery(y.to_bytes(32, "little"))


class Pairs(unittest.TestCase):
    def setUp(self):
        self.caller, self.called = Agent(bytes([1]) * 32), Agent(bytes([2]) * 32)

    def answer_known(self, claim: bytes, request: bytes):
        """What a responder does of §14.4: the claimed id, and the request under its key."""
        claimed = bytes(noise("N", False, BASE + b"N", self.called, None).read_message(claim[1:]))
        handshake = noise("KK", False, prologue_of_known(claim), self.called, claimed)
        return handshake, Reader(bytes(handshake.read_message(request[1:])))

    def test_n_and_kk(self):
        attempt = known_agent(self.caller, self.called.id, counter=7, early=b"early")
        claim, request = attempt.packets
        self.assertEqual([len(claim), len(request)], [81, 57 + len(b"early")])
        handshake, said = self.answer_known(claim, request)
        self.assertEqual((said.u64(), said.rest()), (7, b"early"))
        transport = attempt.read_answer(ANSWERED + bytes(handshake.write_message(b"too")))
        self.assertEqual(transport.early, b"too")
        self.assertEqual(handshake.decrypt(transport.confirmation()[1:]), b"")
        self.assertEqual(handshake.decrypt(transport.message(b"hello")[1:]), b"\0hello")
        self.assertEqual(transport.open(b"T" + handshake.encrypt(b"\0and back")), b"\0and back")

    def test_ik(self):
        token = bytes(16)
        attempt = first_contact(self.caller, self.called.id, 7, token)
        (first,) = attempt.packets
        self.assertEqual(len(first), 138 + len(token))
        handshake = noise("IK", False, BASE + b"IAT", self.called, None)
        said = Reader(bytes(handshake.read_message(first[1:])))
        self.assertEqual((said.u64(), said.take(32)), (7, self.caller.id))
        self.assertEqual(attempt.read_answer(ANSWERED + bytes(handshake.write_message(b""))).early, b"")

    def test_a_request_opens_behind_its_own_claim_only(self):
        first, second = (known_agent(self.caller, self.called.id, counter).packets for counter in (1, 2))
        with self.assertRaises(InvalidTag):
            self.answer_known(first[0], second[1])


if __name__ == "__main__":
    unittest.main()
