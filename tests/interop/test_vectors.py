"""The client against the frozen vectors (PROTOCOL.md §11), before it meets a node."""

import json
import unittest
from dataclasses import replace
from pathlib import Path

import chunks
from channel import CIPHERS, next_epoch, packet_key, renewed
from crypto import H
from frames import FrameReader, frame
from handshake import AES_256_GCM, CHACHA20_POLY1305, Drawn, Initiator, Offer
from identity import Card, Device, Identity, Record, member_id
from noise_ik import NoiseIk, NoiseIkPsk2
from wire import Malformed, Reader
from x3dh import X3dh, X3dhHybrid

CRATES = Path(__file__).resolve().parents[2] / "crates"


def vectors(crate: str, name: str):
    return json.loads((CRATES / crate / "tests/vectors" / name).read_text())


def pieces(written: list[str]) -> bytes:
    """§2.6: hexadecimal, or a byte and how often it is repeated."""
    parts = (piece.partition("*") for piece in written)
    return b"".join(bytes.fromhex(digits) * int(times or 1) for digits, _, times in parts)


class Frames(unittest.TestCase):
    def test_bodies_are_framed_and_read(self):
        for entry in vectors("selfsync-codec", "frames.json"):
            body, framed = pieces(entry["body"]), pieces(entry["frame"])
            with self.subTest(entry["name"]):
                self.assertEqual(frame(body), framed)
                reader = FrameReader(longest_body=len(body))
                reader.push(framed + framed)
                self.assertEqual(
                    [reader.next_body(), reader.next_body(), reader.next_body()], [body, body, None]
                )

    def test_a_frame_may_come_byte_by_byte(self):
        reader, found = FrameReader(), []
        for byte in frame(b"first") + frame(b"\xfe\xfdsecond"):
            reader.push(bytes((byte,)))
            found.append(reader.next_body())
        self.assertEqual([body for body in found if body is not None], [b"first", b"\xfe\xfdsecond"])

    def test_damage_is_refused(self):
        for damaged in (
            b"\x00",
            b"\xfe\x00",
            b"\xfe\xfd\x02",
            b"\xfe\xfd\x01\xfd",
            b"\xfe\xfd\x01\x00\xff\x00",
        ):
            with self.subTest(damaged.hex()), self.assertRaises(Malformed):
                reader = FrameReader()
                reader.push(damaged)
                reader.next_body()


class Identities(unittest.TestCase):
    def test_member_ids(self):
        for entry in vectors("membership", "member_ids.json"):
            self.assertEqual(str(member_id(bytes.fromhex(entry["identity"]))), entry["id"])

    def test_records_are_signed_and_verified(self):
        for entry in vectors("membership", "records.json"):
            identity = Identity(bytes.fromhex(entry["identity_secret"]))
            whole = bytes.fromhex(entry["record"])
            record = identity.issue(whole[32:64], bytes.fromhex(entry["device"]), entry["expires"])
            self.assertEqual(record.credential.hex(), entry["credential"])
            self.assertEqual(record.signature.hex(), entry["signature"])
            record.verify()
            with self.assertRaises(Malformed):
                replace(record, expiry=record.expiry ^ 1).verify()

    def test_cards_are_written_and_read(self):
        for entry in vectors("membership", "cards.json"):
            card = Card.parse(entry["text"])
            self.assertEqual((card.encode().hex(), card.text), (entry["bytes"], entry["text"]))
            self.assertEqual(list(card.addresses), entry["addresses"])
            with self.assertRaises(Malformed):
                Card.parse(entry["text"][:-1] + ("q" if entry["text"][-1] != "q" else "p"))


class Handshakes(unittest.TestCase):
    """As the initiator of the vectors, with what it draws."""

    def assert_agreed(self, name: str, suite: type[Initiator], packets: list[str]) -> None:
        entry = vectors("x3dh-handshake", name)
        inputs, values = entry["inputs"], entry["values"]
        credential = Reader(bytes.fromhex(inputs["credential"]))
        device = Device(Identity(), secret=bytes.fromhex(inputs["a"]))
        device.record = Record(
            credential.take(32),
            device.record.static_key,
            credential.take(16),
            credential.u64(),
            credential.take(64),
        )
        peer = Device(Identity(), secret=bytes.fromhex(inputs["b"])).record
        peer = replace(peer, identity=bytes.fromhex(inputs["Id_R"]))
        windows, ticket_id = inputs["windows_I"], bytes.fromhex(inputs["ticket id"] or "00" * 16)
        boot_id = bytes.fromhex(inputs["boot_I"])
        offer = Offer(inputs["counter"], boot_id, inputs["capabilities_I"], *windows, ticket_id)
        drawn = Drawn(inputs["tag_I"], bytes.fromhex(inputs["x"]), bytes.fromhex(inputs["kem d | z"]))
        psk = {"psk": bytes.fromhex(inputs["psk"])} if inputs["psk"] else {}
        initiator = suite(device, peer, bytes.fromhex(inputs["door"]), offer, drawn, **psk)
        self.assertEqual([packet.hex() for packet in initiator.packets], [values[name] for name in packets])

        agreed = initiator.read_reply(bytes.fromhex(values["M2"]))
        secrets, answer = agreed.secrets, agreed.answer
        found = secrets.root.hex(), secrets.initiator_chain.hex(), secrets.responder_chain.hex()
        self.assertEqual(found, (values["r0"], values["c_I"], values["c_R"]))
        self.assertEqual((answer.tag, answer.aead), (inputs["tag_R"], inputs["aead"]))
        self.assertEqual([answer.session_window, answer.stream_window], inputs["windows_R"])

    def test_noise_ik(self):
        self.assert_agreed("noise_ik.json", NoiseIk, ["M1"])

    def test_noise_ikpsk2(self):
        self.assert_agreed("noise_ikpsk2.json", NoiseIkPsk2, ["M1"])

    def test_x3dh(self):
        for name in ("x3dh.json", "x3dh_ticket.json"):
            self.assert_agreed(name, X3dh, ["M1a"])

    def test_x3dh_hybrid(self):
        for name in ("x3dh_hybrid.json", "x3dh_hybrid_ticket.json"):
            self.assert_agreed(name, X3dhHybrid, ["M1a", "M1b"])


class Channel(unittest.TestCase):
    def test_epochs_and_packet_keys(self):
        schedule = vectors("secure-channel", "schedule.json")
        for entry in schedule["epochs"]:
            chain, key = next_epoch(bytes.fromhex(entry["chain"]))
            self.assertEqual((chain.hex(), key.hex()), (entry["next_chain"], entry["epoch_key"]))
        for entry in schedule["packet_keys"]:
            key = packet_key(bytes.fromhex(entry["epoch_key"]), entry["path"], entry["number"])
            self.assertEqual(key.hex(), entry["key"])

    def test_packets_of_both_ciphers(self):
        aeads = {"AES-256-GCM": AES_256_GCM, "ChaCha20-Poly1305": CHACHA20_POLY1305}
        for session in vectors("secure-channel", "packets.json")["sessions"]:
            cipher = CIPHERS[aeads[session["aead"]]]
            for packet in (packet for direction in session["directions"] for packet in direction["packets"]):
                fields = ("key", "nonce", "plaintext", "header", "ciphertext", "authentication_tag")
                key, nonce, plaintext, header, ciphertext, tag = (
                    bytes.fromhex(packet[name]) for name in fields
                )
                self.assertEqual(cipher(key).encrypt(nonce, plaintext, header), ciphertext + tag)

    def test_fresh_keys(self):
        rekeys = vectors("secure-channel", "rekey.json")
        for entry in rekeys["rekeys"]:
            root, fresh, transcript = (
                bytes.fromhex(text) for text in (rekeys["root"], entry["fresh"], entry["transcript"])
            )
            secrets = renewed(root, fresh, transcript)
            found = secrets.root.hex(), secrets.initiator_chain.hex(), secrets.responder_chain.hex()
            self.assertEqual(found, (entry["next_root"], entry["initiator_chain"], entry["responder_chain"]))
            # The bodies of the records, each behind the generation.
            request, response = (bytes.fromhex(entry[name])[8:] for name in ("request", "response"))
            self.assertEqual(H("Conclave1 rekey", request, response), transcript)


class Chunks(unittest.TestCase):
    def test_headers(self):
        for entry in vectors("chunk-proto", "headers.json"):
            header = chunks.Header.read(Reader(bytes.fromhex(entry["header"])))
            self.assertEqual(header.encode().hex(), entry["header"])
            fields = header.message, header.total_bytes, header.index, header.deflate
            self.assertEqual(
                fields, tuple(entry[key] for key in ("message", "total_bytes", "index", "deflate"))
            )

    def test_refused_headers(self):
        for entry in vectors("chunk-proto", "refused.json"):
            with self.subTest(entry), self.assertRaises(Malformed):
                chunks.Header.read(Reader(bytes.fromhex(entry["header"])))

    def test_deflated_payloads(self):
        for entry in vectors("chunk-proto", "deflate.json"):
            inflated, payload = (bytes.fromhex(entry[key]) for key in ("inflated", "payload"))
            header = chunks.Header(7, len(inflated), len(inflated), deflate=True)
            self.assertEqual(chunks.Assembly().push(header.encode() + payload)[1], inflated)

    def test_a_message_is_cut_and_put_together_in_any_order(self):
        body = bytes(range(256)) * 700
        assembly = chunks.Assembly()
        backwards = reversed(list(chunks.cut(3, body)))
        given_out = [assembly.push(header.encode() + payload)[1] for header, payload in backwards]
        self.assertEqual(given_out, [None, None, body])
