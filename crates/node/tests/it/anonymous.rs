//! Callers without a name: what they reach, and what they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use link::CloseReason;
use membership::NetAddress;
use node::stalk::{Connection, Stalk};
use node::{
    AnonymousContact, AnonymousError, AnonymousLimits, AnonymousRefusal, AnonymousServeError, Door, Limits,
    MemoryNetwork, MemoryStream, Node,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use secure_channel::{Association, OVERHEAD_BYTES, PathNumber, Sealer, split};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use x3dh_handshake::anonymous::{Caller, CallerConfig};
use x3dh_handshake::{Capabilities, Tag};

use crate::support::{Person, host, loopback, name, noise};

const DOOR: [u8; 32] = [0x0a; 32];

/// Bob serves `sum`, and members have more of him.
async fn bob(network: &MemoryNetwork, limits: AnonymousLimits) -> Node {
    let builder = Person::new(2).builder().memory(network).listen(host(2));
    let node = builder.anonymous_door(Door::from_bytes(DOOR)).spawn().await.unwrap();
    node.serve_anonymous("sum", limits, sum).unwrap();
    node
}

async fn sum(request: Bytes) -> Bytes {
    let sum: u32 = request.iter().map(|byte| u32::from(*byte)).sum();
    sum.to_string().into()
}

fn contact(node: &Node) -> AnonymousContact {
    node.anonymous_contact(NetAddress::new(host(2).to_string()).unwrap()).unwrap()
}

async fn caller(network: &MemoryNetwork) -> Node {
    Person::new(1).start(network, host(1), Limits::default(), &[]).await
}

/// Nothing of a caller is anywhere where members are.
fn assert_nobody_is_here(node: &Node) {
    assert!(node.sessions().is_empty() && node.members().iter().next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_open_to_them_answers() {
    let network = MemoryNetwork::new();
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    let mut events = b.events();
    assert_eq!(a.call_anonymously(&contact(&b), "sum", [1, 2, 3]).await.unwrap(), "6");
    let mut session = a.connect_anonymously(&contact(&b)).await.unwrap();
    assert_eq!(session.identity(), b.identity());
    for length in [0_usize, 1, 10_000, 16 * 1024, 5_000, 16 * 1024] {
        let expected = (length * 2).to_string();
        assert_eq!(session.call("sum", vec![2; length]).await.unwrap(), expected.as_bytes());
        assert_eq!(b.anonymous_callers().present, 1);
        assert_nobody_is_here(&b);
    }
    session.close().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = b.anonymous_callers();
    assert_eq!((report.present, report.callers, report.calls), (0, 2, 7));
    assert_eq!((report.refused, report.violations), (0, 0));
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err(), "no peer was up");
    assert!(a.sessions().is_empty() && a.members().iter().next().is_none());
    assert!(a.connect(b.identity()).await.is_err(), "nothing authenticated takes it");
}

#[tokio::test]
async fn it_works_over_a_socket() {
    let builder = Person::new(2).builder().listen(loopback()).anonymous_door(Door::from_bytes(DOOR));
    let b = builder.spawn().await.unwrap();
    b.serve_anonymous("sum", AnonymousLimits::default(), sum).unwrap();
    let address = NetAddress::new(b.local_addresses()[0].to_string()).unwrap();
    let a = Person::new(1).builder().spawn().await.unwrap();
    let contact = b.anonymous_contact(address).unwrap();
    assert_eq!(a.call_anonymously(&contact, "sum", [1, 2, 3]).await.unwrap(), "6");
}

#[tokio::test(start_paused = true)]
async fn large_replies_and_slow_services_are_within_their_limits() {
    let network = MemoryNetwork::new();
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    let mut limits = AnonymousLimits::default();
    limits.max_reply_bytes = 300_000;
    limits.session = Duration::from_secs(20);
    let reply = |request: Bytes| async move {
        tokio::time::sleep(Duration::from_secs(u64::from(request[0]))).await;
        noise(300_000 + usize::from(request[1]), 1)
    };
    b.serve_anonymous("noise", limits, reply).unwrap();
    let mut session = a.connect_anonymously(&contact(&b)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(session.call("noise", [1, 0]).await.unwrap(), noise(300_000, 1));
    }
    let refused = session.call("noise", [0, 1]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::ReplyTooLarge)));
    // As long as the session may last, and no longer.
    let late = a.call_anonymously(&contact(&b), "noise", [25, 0]).await;
    assert_eq!(late, Err(AnonymousError::Closed(CloseReason::Idle)));
    assert_eq!(b.anonymous_callers().present, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_but_open_services_is_there_for_them() {
    let network = MemoryNetwork::new();
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    b.serve_anonymous("other", AnonymousLimits::default(), |_| async { "other".into() }).unwrap();
    // `echo` is a service of all members.
    for service in ["echo", "conclave.actors/0", "conclave.news"] {
        let refused = a.call_anonymously(&contact(&b), service, [1]).await;
        assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::NoSuchService)), "{service}");
    }
    let mut session = a.connect_anonymously(&contact(&b)).await.unwrap();
    session.call("sum", [1]).await.unwrap();
    let refused = session.call("other", [1]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::OtherService)));
    assert!(session.call("sum", [1]).await.is_err(), "it is over");
    assert!(b.withdraw_anonymous("other") && !b.withdraw_anonymous("other"));
    let refused = a.call_anonymously(&contact(&b), "other", [1]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::NoSuchService)));
    assert_eq!(b.anonymous_callers().refused, 5);
}

#[tokio::test(start_paused = true)]
async fn each_limit_holds() {
    let network = MemoryNetwork::new();
    let mut limits = AnonymousLimits::default();
    limits.callers = 2;
    limits.calls_per_caller = 3;
    limits.max_request_bytes = 1_000;
    limits.session = Duration::from_secs(15);
    let (b, a) = (bob(&network, limits).await, caller(&network).await);
    let contact = contact(&b);

    let mut session = a.connect_anonymously(&contact).await.unwrap();
    for _ in 0..3 {
        session.call("sum", [1]).await.unwrap();
    }
    let refused = session.call("sum", [1]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::TooManyCalls)));
    let refused = a.call_anonymously(&contact, "sum", vec![1; 1_001]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::RequestTooLarge)));
    // Larger than anything that is taken: the data plane ends it before it is kept.
    assert!(a.call_anonymously(&contact, "sum", vec![1; 100_000]).await.is_err());

    // Two are here; a third gets silence, and its place when one of them goes.
    let first = a.connect_anonymously(&contact).await.unwrap();
    let mut second = a.connect_anonymously(&contact).await.unwrap();
    second.call("sum", [1]).await.unwrap();
    assert_eq!(a.connect_anonymously(&contact).await.err(), Some(AnonymousError::NoAnswer));
    drop(first);
    tokio::time::sleep(Duration::from_secs(1)).await;
    a.call_anonymously(&contact, "sum", [1]).await.unwrap();
    // Whoever says nothing goes when its time is over, and whoever goes on as well.
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(b.anonymous_callers().present, 0);
    assert!(second.call("sum", [1]).await.is_err());
    let silent = a.connect_anonymously(&contact).await.unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(b.anonymous_callers().present, 0, "a first request has the time of a handshake");
    drop(silent);
    assert_nobody_is_here(&b);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_full_says_so_when_there_is_a_place_at_another() {
    let network = MemoryNetwork::new();
    let mut limits = AnonymousLimits::default();
    limits.callers = 1;
    let (b, a) = (bob(&network, limits).await, caller(&network).await);
    b.serve_anonymous("other", limits, |_| async { "other".into() }).unwrap();
    let mut first = a.connect_anonymously(&contact(&b)).await.unwrap();
    first.call("sum", [1]).await.unwrap();
    let refused = a.call_anonymously(&contact(&b), "sum", [1]).await;
    assert_eq!(refused, Err(AnonymousError::Refused(AnonymousRefusal::Busy)));
    assert_eq!(a.call_anonymously(&contact(&b), "other", [1]).await.unwrap(), "other");
}

#[tokio::test(start_paused = true)]
async fn without_their_door_or_service_they_get_silence() {
    let network = MemoryNetwork::new();
    network.set_recording(true);
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    let good = contact(&b);
    for bad in [
        AnonymousContact { door: Person::new(2).door(), ..good.clone() },
        AnonymousContact { door: Door::from_bytes([1; 32]), ..good.clone() },
        AnonymousContact { identity: Person::new(3).identity(), ..good.clone() },
        AnonymousContact { device: Person::new(3).record.static_key(), ..good.clone() },
    ] {
        assert_eq!(a.connect_anonymously(&bad).await.err(), Some(AnonymousError::NoAnswer));
    }
    assert!(b.withdraw_anonymous("sum"));
    assert_eq!(a.connect_anonymously(&good).await.err(), Some(AnonymousError::NoAnswer));
    let said = network.recordings().into_iter().filter(|recording| recording.from == host(2));
    assert_eq!(said.map(|recording| recording.bytes.len()).sum::<usize>(), 0);
    // A node without a door for them, whatever it serves to members.
    let plain = Person::new(4).start(&network, host(4), Limits::default(), &[]).await;
    assert_eq!(
        plain.serve_anonymous("sum", AnonymousLimits::default(), sum),
        Err(AnonymousServeError::NoDoor)
    );
    assert!(plain.anonymous_contact(good.address.clone()).is_none());
    assert_eq!(
        b.serve_anonymous("bad\nname", AnonymousLimits::default(), sum),
        Err(AnonymousServeError::InvalidName)
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_session_and_a_shutdown_all() {
    let network = MemoryNetwork::new();
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    b.serve_anonymous("panic", AnonymousLimits::default(), |_| async { panic!("on purpose") }).unwrap();
    let mut other = a.connect_anonymously(&contact(&b)).await.unwrap();
    other.call("sum", [1]).await.unwrap();
    assert_eq!(a.call_anonymously(&contact(&b), "panic", [1]).await, Err(AnonymousError::Lost));
    other.call("sum", [1]).await.unwrap();
    assert_eq!(b.anonymous_callers().present, 1);
    b.shutdown().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(b.anonymous_callers().present, 0);
    assert_eq!(other.call("sum", [1]).await, Err(AnonymousError::Closed(CloseReason::Shutdown)));
}

/// A caller that says by hand what no node would say.
struct Hostile {
    stream: MemoryStream,
    sealer: Sealer,
}

impl Hostile {
    async fn call(network: &MemoryNetwork, contact: &AnonymousContact) -> Self {
        let mut stream = network.connect(host(1), host(2)).await.unwrap();
        let config = CallerConfig {
            responder_identity: &contact.identity,
            responder_static: &contact.device,
            door: &contact.door,
            capabilities: Capabilities::AES_256_GCM,
            limits: x3dh_handshake::Limits { session_window_kib: 1_024, stream_window_kib: 1_024 },
            tag: Tag(1),
        };
        let (caller, flight) = Caller::start(&config, &mut StdRng::seed_from_u64(1)).unwrap();
        for packet in flight.packets() {
            write(&mut stream, packet).await;
        }
        let mut decoder = selfsync_codec::Decoder::new(selfsync_codec::Config::reliable(4_096));
        let mut input = BytesMut::new();
        let reply = loop {
            stream.read_buf(&mut input).await.unwrap();
            if let Some(reply) = decoder.next_frame(&mut input).unwrap() {
                break reply;
            }
        };
        let established = caller.read_reply(&reply).map_err(|_| "no reply to this").unwrap();
        let association = Association {
            secrets: established.secrets,
            role: established.role,
            suite: established.suite,
            aead: established.aead,
            local_tag: established.local_tag,
            remote_tag: established.remote_tag,
        };
        let (sealer, _, _) = split(association, secure_channel::Limits::default()).unwrap();
        Self { stream, sealer }
    }

    /// Says these records (PROTOCOL.md §8) in one packet.
    async fn say(&mut self, records: &[u8]) {
        let mut packet = vec![0; OVERHEAD_BYTES + records.len()];
        self.sealer.reserve(PathNumber(0)).unwrap().seal(&mut packet, records).unwrap();
        write(&mut self.stream, &packet).await;
    }
}

async fn write(stream: &mut MemoryStream, packet: &[u8]) {
    let mut frame = BytesMut::new();
    selfsync_codec::encode(packet, &mut frame);
    stream.write_all(&frame).await.ok();
}

fn open(stream: u8, name: &str) -> Vec<u8> {
    [&[0x02, stream, 1, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()
}

/// A message on stream 1.
fn message(number: u8, body: &[u8]) -> Vec<u8> {
    [&[0x04, 1, number, u8::try_from(body.len()).unwrap()], body].concat()
}

#[tokio::test(start_paused = true)]
async fn what_members_say_has_no_effect_in_their_sessions_and_ends_them() {
    let network = MemoryNetwork::new();
    let b = bob(&network, AnonymousLimits::default()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let allow = node::Allow::when(move |_| count.fetch_add(1, Ordering::Relaxed) < usize::MAX);
    b.serve("till", allow, crate::actors::till).unwrap();
    let mut heard = b.receiver(name("notes")).unwrap();
    let mut events = b.events();
    let (hello, list) = ([0x01, 1, 0, 0, 0x20, 0], [0x10, 1, 0, 0, 0]);
    let actors = [open(1, "conclave.actors/0"), message(0, &hello), message(1, &[0x0c]), message(2, &list)];
    let news = [open(1, "conclave.news"), message(0, b"news of somebody")];
    let receivers = [open(1, "notes"), message(0, b"for a receiver")];
    let files = [open(1, "conclave.files"), message(0, b"{}")];
    let twice = [open(1, "conclave.anonymous"), open(2, "conclave.anonymous")];
    let garbage = [open(1, "conclave.anonymous"), message(0, b"\x02\x03sum")];
    let unknown = [vec![0xff, 1, 2, 3]];
    // Each of these would be a call, were it said where calls are said.
    let elsewhere = ["notes", "conclave.actors/1", "conclave.news"].map(|name| open(1, name));
    let elsewhere = elsewhere.map(|opened| [opened, message(0, b"\x01\x03sum1")]);
    let mut attempts = vec![&actors[..], &news, &receivers, &files, &twice, &garbage, &unknown];
    attempts.extend(elsewhere.iter().map(|attempt| &attempt[..]));
    for (number, attempt) in attempts.iter().enumerate() {
        let mut hostile = Hostile::call(&network, &contact(&b)).await;
        // Confirmed, and a call that is as it should be, in some of them.
        hostile.say(&[0x01]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(b.anonymous_callers().present, 1);
        hostile.say(&attempt.concat()).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), hostile.stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{number}: it is ended");
        let report = b.anonymous_callers();
        assert_eq!((report.present, report.violations), (0, number as u64 + 1), "{number}");
        assert_eq!(report.calls, 0);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "no actor was asked for");
    assert!(tokio::time::timeout(Duration::ZERO, heard.recv()).await.is_err(), "no receiver heard");
    assert!(tokio::time::timeout(Duration::ZERO, events.next()).await.is_err(), "no peer was up");
    assert_nobody_is_here(&b);
}

#[tokio::test(start_paused = true)]
async fn nobody_who_listens_for_members_hears_of_them() {
    let network = MemoryNetwork::new();
    let (sender, mut accepted) = tokio::sync::mpsc::channel(1);
    let builder = Person::new(2).builder().memory(&network).anonymous_door(Door::from_bytes(DOOR));
    let stalk = Stalk::listen(builder, host(2), move |connection: Connection<Note>| {
        sender.try_send(connection).unwrap();
    });
    let stalk = stalk.await.unwrap();
    stalk.node().serve_anonymous("sum", AnonymousLimits::default(), sum).unwrap();
    let a = caller(&network).await;
    assert_eq!(a.call_anonymously(&contact(stalk.node()), "sum", [4]).await.unwrap(), "4");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(accepted.try_recv().is_err());
    assert_nobody_is_here(stalk.node());
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Note(u32);

impl node::Message for Note {
    const SCHEMA: node::Schema = node::Schema::new("tests.note/1");
}

#[tokio::test(start_paused = true)]
async fn packets_without_calls_are_not_taken_for_ever() {
    let network = MemoryNetwork::new();
    let mut limits = AnonymousLimits::default();
    (limits.calls_per_caller, limits.max_request_bytes, limits.max_reply_bytes) = (1, 512, 512);
    let b = bob(&network, limits).await;
    let mut hostile = Hostile::call(&network, &contact(&b)).await;
    for _ in 0..100 {
        hostile.say(&[0x01]).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((b.anonymous_callers().present, b.anonymous_callers().violations), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_recorded_call_is_answered_and_has_no_effect() {
    let network = MemoryNetwork::new();
    let (b, a) = (bob(&network, AnonymousLimits::default()).await, caller(&network).await);
    network.set_recording(true);
    a.call_anonymously(&contact(&b), "sum", [1]).await.unwrap();
    network.set_recording(false);
    let recorded = network.recordings().into_iter().find(|recording| recording.to == host(2)).unwrap();
    let before = b.anonymous_callers();
    for _ in 0..5 {
        let mut stream = network.connect(host(9), host(2)).await.unwrap();
        stream.write_all(&recorded.bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        assert!(answer.len() < 128, "a reply and nothing else: {}", answer.len());
    }
    let after = b.anonymous_callers();
    assert_eq!((after.callers, after.calls), (before.callers, before.calls), "nobody has shown the keys");
}
