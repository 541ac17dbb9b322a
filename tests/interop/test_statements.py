"""What a foreign client makes of the frozen statements, news, tickets and sealed identities (PROTOCOL.md §3, §11)."""

import unittest

import bech32m
from identity import Card
from statements import Statement, key_text, read_news, sealed, ticket_entry_header, told, unsealed
from test_vectors import vectors
from wire import Malformed, u8, u64


class AtRest(unittest.TestCase):
    def test_identities_are_sealed_and_opened(self):
        for entry in vectors("membership", "identities.json"):
            secret, salt = bytes.fromhex(entry["secret"]), bytes.fromhex(entry["salt"])
            cost = entry["memory_kib"], entry["passes"], entry["lanes"]
            file = sealed(secret, entry["passphrase"], cost, salt)
            self.assertEqual(file.hex(), entry["sealed"])
            self.assertEqual(unsealed(file, entry["passphrase"]), secret)
            with self.assertRaises(Malformed):
                unsealed(file, entry["passphrase"] + " ")
            self.assertEqual(key_text(bytes.fromhex(entry["identity"])), entry["text"])


class Statements(unittest.TestCase):
    def read(self) -> list[Statement]:
        entries = vectors("membership", "statements.json")
        return [Statement.read(bytes.fromhex(entry["statement"])) for entry in entries]

    def test_statements_verify_and_have_names(self):
        for statement, entry in zip(self.read(), vectors("membership", "statements.json"), strict=True):
            self.assertEqual(statement.issuer.hex(), entry["issuer"])
            self.assertEqual(statement.name.hex(), entry["name"])
            for place in range(len(statement.data)):
                damaged = bytearray(statement.data)
                damaged[place] ^= 1
                with self.assertRaises(Exception):
                    Statement.read(bytes(damaged))

    def test_what_they_say(self):
        announcement, voucher, all_services, revoked, lifted, lost, found = (one.fields for one in self.read())
        self.assertEqual(announcement["suites"], [0x0001, 0x0101])
        self.assertEqual(announcement["profile"], {"mail": "ada@example.org"})
        self.assertEqual((voucher["relation"], voucher["services"]), ("client", ["clock", "print"]))
        self.assertEqual((all_services["relation"], all_services["services"]), ("peer", None))
        self.assertEqual([one["lifted"] for one in (revoked, lifted, lost, found)], [False, True, False, True])
        self.assertEqual((revoked["about"], lost["about"]), ("member", "device"))

    def test_news(self):
        statements = self.read()
        for entry in vectors("membership", "news.json"):
            message = bytes.fromhex(entry["message"])
            kind, held = read_news(message)
            self.assertEqual(kind, entry["kind"])
            if kind == "statements":
                self.assertEqual(held, statements)
                self.assertEqual(told(held), message)
            else:
                self.assertEqual(held, [one.name for one in statements][: len(held)])


class Tickets(unittest.TestCase):
    def test_tickets_are_written(self):
        for entry in vectors("membership", "tickets.json"):
            secret, bound = bytes.fromhex(entry["secret"]), bytes.fromhex(entry["bound"] or "")
            data = u8(1) + bytes.fromhex(entry["id"]) + secret + u64(entry["expires"])
            data += (u8(1) + bound if bound else u8(0)) + Card.parse(entry["card"]).encode()
            self.assertEqual(data.hex(), entry["bytes"])
            self.assertEqual(bech32m.encode("ticket", data), entry["text"])
            self.assertEqual("conclave:" + entry["text"], entry["uri"])
            header = ticket_entry_header(secret, entry["expires"], 2, bound or None)
            self.assertEqual(header.hex(), entry["entry"][: 2 * len(header)])


if __name__ == "__main__":
    unittest.main()
