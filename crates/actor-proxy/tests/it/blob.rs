//! Large bytes in messages: what they are, that nobody copies them, and that their memory is given back in peace.

use std::ops::Range;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

use actor_proxy::{
    Address, Allow, Blob, Inbox, Lane, Limits, Message, Next, ReplyTo, Schema, SendError, ServiceOptions,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::net::Net;

const SECOND: Duration = Duration::from_secs(1);
/// From here on bytes are shared.
const LARGE_BYTES: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
enum Parcel {
    Keep(String, Vec<Blob>, u8),
    Give(usize, ReplyTo<Blob>),
    /// The same as one `Blob`.
    Plain(Raw),
}

impl Message for Parcel {
    const SCHEMA: Schema = Schema::new("test.parcel/1");
}

/// Bytes of another type.
#[derive(Deserialize)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

fn noise(bytes: usize) -> Blob {
    (0..bytes).map(|at| (at ^ (at >> 7)) as u8).collect::<Vec<_>>().into()
}

/// The store of node 0, as node 1 has it.
fn store(options: ServiceOptions) -> (Net, Inbox<Parcel>, Address<Parcel>) {
    let mut net = Net::new(2, &Limits::default(), |_, _| true);
    let (_, inbox) = net.nodes[0].serve("store", Allow::Members, options).unwrap();
    net.connect(0, 1);
    let looking = net.exchange(1, 0).unwrap().service("store");
    let address = net.wait(looking).unwrap();
    (net, inbox, address)
}

fn place(bytes: &[u8]) -> Range<usize> {
    let range = bytes.as_ptr_range();
    range.start.addr()..range.end.addr()
}

#[test]
fn they_arrive_as_they_were() {
    for options in [ServiceOptions::default(), ServiceOptions::default().self_describing()] {
        let (mut net, mut inbox, address) = store(options);
        for sizes in
            [&[0, 1, 300][..], &[LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1], &[1_900_000], &[70_000; 20]]
        {
            let blobs: Vec<Blob> = sizes.iter().map(|size| noise(*size)).collect();
            for label in ["", "a label that stands in front of them"] {
                address.try_send(Parcel::Keep(label.into(), blobs.clone(), 7)).unwrap();
                net.flow();
                let Some((Parcel::Keep(its, came, 7), _)) = inbox.try_recv() else { panic!("not that") };
                assert_eq!((its.as_str(), &came), (label, &blobs));
                net.flow();
            }
        }
        let asking = address.ask(|reply| Parcel::Give(300_000, reply), SECOND);
        let answering = async {
            let Some(Parcel::Give(size, reply)) = inbox.recv().await else { panic!("not a question") };
            reply.send(noise(size));
        };
        let mut answering = Some(Box::pin(answering));
        let mut asking = Box::pin(asking);
        let both = std::future::poll_fn(|context| {
            answering.take_if(|answering| answering.as_mut().poll(context).is_ready());
            asking.as_mut().poll(context)
        });
        assert_eq!(net.wait(both), Ok(noise(300_000)));
    }
}

#[test]
fn on_the_wire_they_are_bytes_like_others() {
    let (mut net, mut inbox, address) = store(ServiceOptions::default());
    let context = Context::from_waker(Waker::noop());
    let mut bodies = Vec::new();
    for size in [300, 100_000] {
        address.try_send(Parcel::Plain(Raw(noise(size).to_vec()))).unwrap();
        address.try_send(Parcel::Keep(String::new(), vec![noise(size)], 0)).unwrap();
        let mut outgoing = net.exchange(1, 0).unwrap().outgoing(&context).unwrap();
        for lane in Lane::all() {
            while let Some(next) = outgoing.peek(lane) {
                bodies.push(next.to_bytes());
                outgoing.advance(lane);
            }
        }
        outgoing.finish();
    }
    for pair in bodies.chunks(2) {
        let [plain, keep] = pair else { panic!("not two") };
        // Kind, tag; variant; a text and a list, and a number behind.
        assert_eq!((plain[5], &keep[5..8]), (2, &[0, 0, 1][..]));
        assert_eq!(plain[6..], keep[8..keep.len() - 1]);
    }
    net.flow();
    assert!(inbox.try_recv().is_none());
}

#[test]
fn they_leave_from_where_they_are() {
    let (net, _inbox, address) = store(ServiceOptions::default());
    let blobs = vec![noise(LARGE_BYTES), noise(LARGE_BYTES - 1), noise(500_000)];
    address.try_send(Parcel::Keep("label".into(), blobs.clone(), 7)).unwrap();
    let context = Context::from_waker(Waker::noop());
    let outgoing = net.exchange(1, 0).unwrap().outgoing(&context).unwrap();
    let next = Lane::all().find_map(|lane| outgoing.peek(lane)).unwrap();
    let Next::Large(pieces) = next else { panic!("not a large one") };
    let is_shared = |blob: &Blob| pieces.iter().any(|piece| place(piece) == place(blob));
    assert_eq!(blobs.iter().map(is_shared).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn they_are_parts_of_the_message_that_came() {
    let (mut net, mut inbox, address) = store(ServiceOptions::default());
    let blobs = vec![noise(500_000), noise(500_000), noise(LARGE_BYTES)];
    address.try_send(Parcel::Keep("label".into(), blobs.clone(), 7)).unwrap();
    net.flow();
    let Some((Parcel::Keep(_, came, _), _)) = inbox.try_recv() else { panic!("not that") };
    assert_eq!(came, blobs);
    let places: Vec<Range<usize>> = came.iter().map(|blob| place(blob)).collect();
    // A length of five bytes stands between one and the next.
    assert_eq!(places[1].start, places[0].end + 5);
    assert_ne!(places[2].start, places[1].end + 5, "a small part must not keep the whole");
}

#[test]
fn they_count_like_all_others_against_what_a_body_may_have() {
    let (_net, _inbox, address) = store(ServiceOptions::default());
    let half = noise(1 << 20);
    let error =
        address.try_send(Parcel::Keep(String::new(), vec![half.clone(), half.clone()], 7)).unwrap_err();
    assert!(matches!(error, SendError::Encode(_)), "{error:?}");
    address.try_send(Parcel::Keep(String::new(), vec![half, noise((1 << 20) - 20)], 7)).unwrap();
}

/// Bytes of a user who does something with actors when they are dropped.
struct Dropped(Vec<u8>, Address<Parcel>, mpsc::SyncSender<()>);

impl AsRef<[u8]> for Dropped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.1.try_send(Parcel::Keep("dropped".into(), Vec::new(), 0));
        let _ = self.2.send(());
    }
}

#[test]
fn their_memory_is_dropped_under_no_lock() {
    let (done, finished) = mpsc::sync_channel(1);
    let (dropped, drops) = mpsc::sync_channel(8);
    std::thread::spawn(move || {
        let (mut net, mut inbox, address) = store(ServiceOptions::default());
        let send = || {
            let bytes = Dropped(vec![7; LARGE_BYTES], address.clone(), dropped.clone());
            let blob = Blob::from(Bytes::from_owner(bytes));
            address.try_send(Parcel::Keep(String::new(), vec![blob], 0)).unwrap();
        };
        // As the pipe takes it.
        send();
        net.flow();
        assert_eq!(std::iter::from_fn(|| inbox.try_recv()).count(), 2);
        // As its session ends.
        send();
        net.disconnect(0, 1);
        // As nobody will ever send it.
        send();
        net.nodes[1].shutdown();
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(60)).expect("it waits for itself");
    assert_eq!(drops.try_iter().count(), 3);
}
