//! Records survive encoding, and nothing else is accepted.

use proptest::prelude::*;

use super::*;

fn records() -> Vec<Record<'static>> {
    let stream = StreamId(300);
    vec![
        Record::Confirm,
        Record::Open { stream, priority: Priority::Bulk, name: StreamName::new("a name").unwrap() },
        Record::End { stream, next: 9 },
        Record::Message(Message { stream, number: 1 << 40, acked: false, payload: b"payload" }),
        Record::Message(Message { stream, number: 0, acked: true, payload: b"" }),
        Record::Chunk { stream, number: 5, acked: true, chunk: b"chunk" },
        Record::Reset { stream, number: 77 },
        Record::Stop { stream, reason: StopReason::NotAllowed },
        Record::Credit { stream: StreamId::SESSION, limit: u64::MAX },
        Record::Ack { stream, next: 128 },
        Record::Ping { number: 1 },
        Record::Pong { number: 2 },
        Record::RekeyRequest { message: b"request" },
        Record::RekeyResponse { message: b"response" },
        Record::Close { reason: CloseReason::Shutdown },
    ]
}

fn encode(records: &[Record<'_>]) -> Vec<u8> {
    let mut buffer = PacketBuffer::default();
    for record in records {
        record.append_to(&mut buffer);
    }
    buffer.as_slice().to_vec()
}

fn decode(bytes: &[u8]) -> Result<usize, PeerFault> {
    let mut reader = Reader::new(bytes);
    let mut count = 0;
    while reader.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn every_record_survives_between_padding_and_unknown_extensions() {
    let records = records();
    let mut bytes = vec![PADDING, 0x41, 3, 1, 2, 3];
    bytes.extend(encode(&records));
    bytes.extend([PADDING; 5]);
    let mut reader = Reader::new(&bytes);
    for record in records {
        assert_eq!(reader.next(), Ok(Some(record)));
    }
    assert_eq!(reader.next(), Ok(None));
}

#[test]
fn a_record_that_is_cut_off_is_refused() {
    for record in records() {
        let bytes = encode(std::slice::from_ref(&record));
        for end in 1..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(PeerFault::MalformedRecord), "{record:?} cut at {end}");
        }
    }
}

#[test]
fn unknown_types_and_stream_zero_are_refused() {
    for kind in (0x11..=0x3f).chain(0x80..=0xff) {
        assert_eq!(decode(&[kind, 0, 0, 0, 0]), Err(PeerFault::MalformedRecord));
    }
    for kind in [OPEN, END, MESSAGE, MESSAGE_ACKED, CHUNK, CHUNK_ACKED, RESET, STOP, ACK] {
        assert_eq!(decode(&[kind, 0, 1, 1, b'x', 0]), Err(PeerFault::MalformedRecord));
    }
}

#[test]
fn a_run_of_messages_ends_at_whatever_else_there_is() {
    let (one, other) = (StreamId(300), StreamId(301));
    let of = |stream, number| Message { stream, number, acked: number == 1, payload: b"payload" };
    let run = [of(one, 0), of(one, 1), of(one, 1 << 40)];
    for next in [Record::Message(of(other, 0)), Record::Confirm, Record::Ack { stream: one, next: 1 }] {
        let records: Vec<_> = run.map(Record::Message).into_iter().chain([next.clone()]).collect();
        let bytes = encode(&records);
        let mut reader = Reader::new(&bytes);
        assert_eq!(run.map(|_| reader.next_message_of(one)), run.map(Some));
        assert_eq!(reader.next_message_of(one), None);
        assert_eq!(reader.next(), Ok(Some(next)), "it stands where it stood");
    }
    let bytes = encode(&[Record::Message(run[0])]);
    let mut cut = Reader::new(&bytes[..bytes.len() - 1]);
    assert_eq!(cut.next_message_of(one), None);
    assert_eq!(cut.next(), Err(PeerFault::MalformedRecord));
}

proptest! {
    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
