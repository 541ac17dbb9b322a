//! Verdicts on what the tests of the whole program cannot make: other clocks, other machines.

use std::sync::Arc;

use membership::{Directory, Grant, Identity, IdentityKey, Scope, Statement, Voucher};

use super::*;

const NOW: u64 = 1_800_000_000;

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

fn verdict(event: &Event) -> (Verdict, &str) {
    let Event::Check(line) = event else { panic!("{event:?}") };
    assert_eq!(
        line.verdict == Verdict::Ok,
        line.advice.is_empty(),
        "what to do is said where something is: {line:?}"
    );
    (line.verdict, &line.what)
}

fn roster(kept: Kept) -> Roster {
    Roster::new(IdentityKey([7; 32]), kept, at(NOW))
}

#[test]
fn a_clock_is_judged_by_itself_and_by_what_was_seen_and_signed() {
    for wrong in [0, EARLIEST_SECONDS - 1, LATEST_SECONDS] {
        assert_eq!(verdict(&clock(at(wrong), None)).0, Verdict::Problem);
    }
    assert_eq!(verdict(&clock(at(EARLIEST_SECONDS), None)).0, Verdict::Ok);
    let seen = roster(Kept { horizon: at(NOW), ..Kept::default() });
    let nobody = Seen::new();
    let back = |seconds| verdict(&clock(at(NOW - seconds), Some((&seen, &nobody)))).0;
    assert_eq!([back(0), back(CLOCK_TOLERANCE_SECONDS)], [Verdict::Ok; 2]);
    let somebody = Seen::from([(IdentityKey([8; 32]), at(NOW))]);
    assert_eq!(
        verdict(&clock(at(NOW - 400), Some((&roster(Kept::default()), &somebody)))).0,
        Verdict::Problem
    );
    let late = clock(at(NOW - 2 * 24 * 3_600), Some((&seen, &nobody)));
    assert_eq!(
        verdict(&late),
        (Verdict::Problem, "the clock was set back: this home has seen a date 2d later")
    );

    let identity = Identity::generate(&mut rand::rng());
    let grant = Grant { scope: Scope::default(), depth: 1, expires: at(NOW + 10_000_000) };
    let ahead = NOW + CLOCK_TOLERANCE_SECONDS + 1;
    let voucher = Voucher::issue(&identity, IdentityKey([7; 32]), ahead, grant).unwrap();
    let mut directory = Directory::new();
    directory.merge(Statement::Voucher(voucher)).unwrap();
    let known = roster(Kept { directory: Arc::new(directory), ..Kept::default() });
    assert_eq!(verdict(&clock(at(NOW), Some((&known, &nobody)))).0, Verdict::Warning);
    assert_eq!(verdict(&clock(at(NOW + 2), Some((&known, &nobody)))).0, Verdict::Ok);
}

#[tokio::test]
async fn a_port_that_nothing_answers_at_is_a_problem_and_one_that_is_told_wrongly_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound = listener.local_addr().unwrap();
    let told = |text: String| NetAddress::new(text).unwrap();
    let verdicts = |lines: Vec<Event>| lines.iter().map(|line| verdict(line).0).collect::<Vec<_>>();
    let everywhere: SocketAddr = format!("0.0.0.0:{}", bound.port()).parse().unwrap();
    let good = told(format!("home.example:{}", bound.port()));
    assert_eq!(verdicts(reachability(&[everywhere], std::slice::from_ref(&good)).await), [Verdict::Ok; 2]);
    let addresses = [told(format!("home.example:{}", bound.port() ^ 1)), told(bound.to_string())];
    assert_eq!(
        verdicts(reachability(&[bound], &addresses).await),
        [Verdict::Ok, Verdict::Warning, Verdict::Warning]
    );
    assert_eq!(verdicts(reachability(&[bound], &[]).await), [Verdict::Ok, Verdict::Warning]);
    drop(listener);
    assert_eq!(verdicts(reachability(&[bound], &[good]).await), [Verdict::Problem, Verdict::Ok]);
    assert_eq!(verdicts(reachability(&[], &[]).await), [Verdict::Warning]);
}

#[test]
fn lengths_are_told_in_their_largest_unit() {
    assert_eq!([59, 61, 7_199, 100_000].map(rounded), ["59s", "1m", "1h", "1d"]);
}
