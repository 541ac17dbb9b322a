//! Consumers on other threads than the session's reader: no grant is lost, however they come together.

use std::sync::Arc;

use loom::sync::Notify;
use loom::thread;

use super::*;

const SIZE: u64 = 4;
/// Never due.
const VAST: u64 = 1 << 20;

/// The reader's side of a session with two streams.
struct Reader {
    meters: Arc<Meters>,
    session: Window,
    streams: Vec<(StreamId, Meter, Window)>,
}

impl Reader {
    /// Everything that was granted has come.
    fn new(session_size: u64, stream_sizes: [u64; 2]) -> Self {
        let full = |size| {
            let mut window = Window::new(size);
            window.receive(size);
            window
        };
        let session = full(session_size);
        let meters = Meters::new(&session);
        let stream = |id, size| {
            let window = full(size);
            (StreamId(id), Meter::new(StreamId(id), &window, Arc::clone(&meters)), window)
        };
        let [one, two] = stream_sizes;
        Self { streams: vec![stream(1, one), stream(2, two)], session, meters }
    }

    fn meter(&self, stream: usize) -> Meter {
        self.streams[stream].1.clone()
    }

    /// As [`Rx::handle_consumed`](crate::Rx::handle_consumed) does it.
    fn look(&mut self) {
        if !self.meters.is_due() {
            return;
        }
        let mut due = Vec::new();
        self.meters.take_due(&mut due);
        for (id, meter, window) in &mut self.streams {
            if due.contains(id) {
                meter.grant(window);
            }
        }
        self.meters.grant(&mut self.session);
    }

    /// Looks whenever it is woken, until nothing is due with so much consumed. Loom ends the test if it is never woken.
    fn serve(&mut self, woken: &Notify, of_session: u64, of_streams: [u64; 2]) {
        let is_due = |this: &Self| {
            let mut consumed = this.streams.iter().zip(of_streams);
            this.session.due_at() <= of_session
                || consumed.any(|((.., window), consumed)| window.due_at() <= consumed)
        };
        while is_due(self) {
            woken.wait();
            self.look();
        }
    }
}

fn consume(meter: &Meter, woken: &Notify, costs: &[u64]) {
    for cost in costs {
        if meter.consume(*cost) {
            woken.notify();
        }
    }
}

#[test]
fn a_consumer_that_passes_the_next_point_while_it_is_set_is_seen() {
    loom::model(|| {
        let mut reader = Reader::new(VAST, [SIZE; 2]);
        let woken = Arc::new(Notify::new());
        let (meter, wake) = (reader.meter(0), Arc::clone(&woken));
        let consumer = thread::spawn(move || consume(&meter, &wake, &[2, 2]));
        reader.serve(&woken, 4, [4, 0]);
        consumer.join().unwrap();
    });
}

#[test]
fn the_same_for_the_session_as_a_whole() {
    loom::model(|| {
        let mut reader = Reader::new(SIZE, [VAST; 2]);
        let woken = Arc::new(Notify::new());
        let (meter, wake) = (reader.meter(0), Arc::clone(&woken));
        let consumer = thread::spawn(move || consume(&meter, &wake, &[2, 2]));
        reader.serve(&woken, 4, [4, 0]);
        consumer.join().unwrap();
    });
}

#[test]
fn consumers_of_two_streams_do_not_hide_each_other() {
    loom::model(|| {
        let mut reader = Reader::new(VAST, [SIZE; 2]);
        let woken = Arc::new(Notify::new());
        let consumers = [0, 1].map(|stream| {
            let (meter, wake) = (reader.meter(stream), Arc::clone(&woken));
            thread::spawn(move || consume(&meter, &wake, &[2]))
        });
        reader.serve(&woken, 4, [2, 2]);
        consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
    });
}

/// One makes its stream due, the other only the session: it leaves nothing in the list of streams.
#[test]
fn what_is_due_while_the_reader_begins_to_look_is_not_forgotten() {
    loom::model(|| {
        let mut reader = Reader::new(SIZE, [2, VAST]);
        let woken = Arc::new(Notify::new());
        let consumers = [0, 1].map(|stream| {
            let (meter, wake) = (reader.meter(stream), Arc::clone(&woken));
            thread::spawn(move || consume(&meter, &wake, &[1]))
        });
        reader.serve(&woken, 2, [1, 1]);
        consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
    });
}
