//! The edges of the window, and its answers beside those of a plain set.
use proptest::prelude::*;

use super::*;

#[test]
fn the_window_reaches_back_exactly_1024_numbers() {
    let mut window = Window::new();
    window.mark(5_000);
    assert_eq!(window.check(5_000), Err(Error::Replayed));
    assert_eq!(window.check(5_000 - 1_022), Ok(()));
    assert_eq!(window.check(5_000 - 1_023), Ok(()));
    assert_eq!(window.check(5_000 - 1_024), Err(Error::TooOld));
    assert_eq!(window.check(5_000 - 1_025), Err(Error::TooOld));
}

#[test]
fn a_number_seen_at_the_edge_stays_seen_until_it_falls_out() {
    for step in [1_022, 1_023, 1_024, 1_025] {
        let mut window = Window::new();
        window.mark(0);
        window.mark(step);
        let expected = if step <= 1_023 { Error::Replayed } else { Error::TooOld };
        assert_eq!(window.check(0), Err(expected), "after a step of {step}");
        assert_eq!(window.check(step - 1), Ok(()), "nothing else is marked after a step of {step}");
    }
}

proptest! {
    /// The same answers as a list of everything ever seen.
    #[test]
    fn a_window_is_a_set_with_a_short_memory(
        steps in prop::collection::vec((0_u64..3_000, any::<bool>()), 1..400),
    ) {
        let mut window = Window::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut highest = 0_u64;
        for (step, ahead) in steps {
            let number = if ahead { highest + step / 8 } else { highest.saturating_sub(step) };
            let expected = match seen.last() {
                Some(last) if number + WINDOW_PACKETS <= *last => Err(Error::TooOld),
                _ if seen.contains(&number) => Err(Error::Replayed),
                _ => Ok(()),
            };
            prop_assert_eq!(window.check(number), expected);
            if expected.is_ok() {
                window.mark(number);
                seen.insert(number);
                highest = highest.max(number);
            }
        }
    }
}
