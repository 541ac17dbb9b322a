//! What is written is read again, and nothing else is.

use proptest::prelude::*;

use super::*;

fn tag() -> impl Strategy<Value = Tag> {
    any::<u32>().prop_map(Tag)
}

fn id() -> impl Strategy<Value = ActorId> {
    any::<[u8; 16]>().prop_map(|bytes| ActorId(uuid::Uuid::from_bytes(bytes)))
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Native), Just(Format::Cbor)]
}

fn schema() -> impl Strategy<Value = Box<str>> {
    "[a-zä./0-9]{1,32}".prop_map(Into::into)
}

fn name() -> impl Strategy<Value = ServiceName> {
    "[a-z ö]{1,32}".prop_map(|name| ServiceName::new(&name).unwrap())
}

fn shape() -> impl Strategy<Value = Shape> {
    (schema(), format(), any::<bool>()).prop_map(|(schema, format, direct_only)| Shape {
        schema,
        format,
        direct_only,
    })
}

fn offer() -> impl Strategy<Value = Offer> {
    (id(), tag(), any::<u64>(), shape()).prop_map(|(id, tag, limit, shape)| Offer { id, tag, limit, shape })
}

fn node() -> impl Strategy<Value = NodeId> {
    any::<([u8; 32], [u8; 32], [u8; 16])>().prop_map(|(member, device, boot)| NodeId { member, device, boot })
}

fn relay() -> impl Strategy<Value = Relay> {
    (id(), tag(), any::<u64>()).prop_map(|(id, tag, limit)| Relay { id, tag, limit })
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        id().prop_map(|id| Entry::Yours { id }),
        offer().prop_map(Entry::Mine),
        (node(), id(), shape(), prop::option::of(relay()))
            .prop_map(|(node, id, shape, relay)| Entry::Third { node, id, shape, relay }),
        (tag(), format()).prop_map(|(ask, format)| Entry::Reply { ask, format }),
    ]
}

fn ended() -> impl Strategy<Value = Ended> {
    prop_oneof![
        Just(Ended::Finished),
        Just(Ended::Panicked),
        Just(Ended::Withdrawn),
        Just(Ended::Expired),
        Just(Ended::Shutdown),
    ]
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::NoReply),
        Just(Refusal::Malformed),
        Just(Refusal::NotAllowed),
        Just(Refusal::NoRoom),
        Just(Refusal::ReplyFailed),
        Just(Refusal::NoSuchService),
        ended().prop_map(Refusal::Ended),
    ]
}

fn listed() -> impl Strategy<Value = Listed> {
    (name(), schema(), format()).prop_map(|(name, schema, format)| Listed { name, schema, format })
}

fn news() -> impl Strategy<Value = Envelope> {
    prop_oneof![
        any::<u32>().prop_map(|max_body_bytes| Envelope::Hello { max_body_bytes }),
        (tag(), refusal()).prop_map(|(ask, refusal)| Envelope::Refusal { ask, refusal }),
        tag().prop_map(|ask| Envelope::Confirmed { ask }),
        (tag(), any::<u64>()).prop_map(|(to, limit)| Envelope::Credit { to, limit }),
        (tag(), ended()).prop_map(|(to, why)| Envelope::Ended { to, why }),
        (id(), ended()).prop_map(|(id, why)| Envelope::Gone { id, why }),
        (tag(), any::<u32>()).prop_map(|(tag, count)| Envelope::Release { tag, count }),
        id().prop_map(|id| Envelope::Hold { id }),
        Just(Envelope::HoldsDone),
        offer().prop_map(Envelope::Held),
        (tag(), name()).prop_map(|(ask, name)| Envelope::LookUp { ask, name }),
        (tag(), offer()).prop_map(|(ask, offer)| Envelope::Found { ask, offer }),
        tag().prop_map(|ask| Envelope::List { ask }),
        (tag(), prop::collection::vec(listed(), 0..5))
            .prop_map(|(ask, services)| Envelope::Services { ask, services }),
    ]
}

fn with_body() -> impl Strategy<Value = Envelope> {
    let body = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let table = || prop::collection::vec(entry(), 0..5);
    prop_oneof![
        (tag(), prop::option::of(tag()), table(), body.clone())
            .prop_map(|(to, confirm, table, body)| Envelope::Message { to, confirm, table, body }),
        (tag(), table(), body).prop_map(|(ask, table, body)| Envelope::Reply { ask, table, body }),
    ]
}

fn written(envelope: &Envelope) -> Bytes {
    let head = Head::news(envelope);
    match envelope {
        Envelope::Message { body, .. } | Envelope::Reply { body, .. } => {
            [head.as_bytes(), body].concat().into()
        }
        _ => Bytes::copy_from_slice(head.as_bytes()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_envelope_is_read_as_it_was_written(envelope in prop_oneof![4 => news(), 1 => with_body()]) {
        prop_assert_eq!(read(&written(&envelope)), Ok(envelope));
    }

    #[test]
    fn no_envelope_is_read_from_a_part_of_itself_or_with_more_behind(envelope in news(), cut: prop::sample::Index) {
        let bytes = written(&envelope);
        let part = bytes.slice(..cut.index(bytes.len()));
        prop_assert_eq!(read(&part), Err(PeerFault::Malformed));
        if !matches!(envelope, Envelope::Hello { .. }) {
            let more: Bytes = [&bytes[..], &[0]].concat().into();
            prop_assert_eq!(read(&more), Err(PeerFault::Malformed));
        }
    }

    #[test]
    fn whatever_is_read_is_read_the_same_when_it_is_written_again(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 1..0x12_u8) {
        let bytes: Bytes = [&[kind][..], &bytes].concat().into();
        if let Ok(envelope) = read(&bytes) {
            prop_assert_eq!(read(&written(&envelope)), Ok(envelope));
        }
    }

    #[test]
    fn the_plain_way_reads_what_the_other_one_reads(to in tag(), body in prop::collection::vec(any::<u8>(), 0..40)) {
        let bytes: Bytes = [&Head::message(to)[..], &body].concat().into();
        let body = Bytes::from(body);
        prop_assert_eq!(read_plain(&bytes), Some(to));
        prop_assert_eq!(&bytes[PLAIN_HEAD_BYTES..], &body[..]);
        prop_assert_eq!(read(&bytes), Ok(Envelope::Message { to, confirm: None, table: Vec::new(), body }));
    }
}

#[test]
fn no_head_is_larger_than_what_a_pipe_is_told_to_expect() {
    let shape =
        Shape { schema: "x".repeat(Schema::MAX_BYTES).into(), format: Format::Cbor, direct_only: true };
    let id = ActorId(uuid::Uuid::from_bytes([1; 16]));
    let node = NodeId { member: [1; 32], device: [2; 32], boot: [3; 16] };
    let relay = Some(Relay { id, tag: Tag(1), limit: 1 });
    let table = vec![Entry::Third { node, id, shape, relay }; MAX_ADDRESSES];
    let head = Head::message_with(Tag(1), Some(Tag(2)), &table);
    let most = crate::peer::MAX_HEAD_BYTES;
    assert!((most - MAX_ADDRESSES * 10..=most).contains(&head.as_bytes().len()), "{}", head.as_bytes().len());
}

#[test]
fn more_addresses_than_a_message_may_have_are_not_read() {
    let table = vec![Entry::Reply { ask: Tag(1), format: Format::Native }; MAX_ADDRESSES + 1];
    let head = Head::message_with(Tag(1), None, &table);
    assert_eq!(read(&Bytes::copy_from_slice(head.as_bytes())), Err(PeerFault::Malformed));
}
