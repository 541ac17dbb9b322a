//! A card, what others learn from it, and how damage to it is told.
//!
//! ```text
//! cargo run -p membership --example cards
//! ```

use membership::{Card, DeviceKey, Door, Error, Identity, Members, Record, UnixSeconds};
use rand::{SeedableRng, rngs::StdRng};

fn main() -> Result<(), Error> {
    // Of a fixed seed, so that the example says the same each time. Never do this with keys of your own.
    let mut rng = StdRng::seed_from_u64(1);
    let ada = Identity::generate(&mut rng);
    let laptop = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&ada, laptop.id(), laptop.key(), UnixSeconds::new(2_000_000_000)?)?;
    let addresses = vec!["203.0.113.7:4433".parse()?];
    let card = Card::new(vec![record], Door::generate(&mut rng), addresses, Some("Ada".parse()?))?;
    let text = card.to_text()?;
    println!("{text}\n");

    let mut members = Members::new();
    println!("added:       {:?}", members.add(&text.parse()?)?);
    println!("added again: {:?}", members.add(&text.to_uppercase().parse()?)?);
    println!("found:       {:?}\n", members.find("Ada")?);

    for (what, damaged) in [
        ("one wrong character", text.replacen('q', "p", 1)),
        ("two exchanged", format!("{}{}{}{}", &text[..20], &text[21..22], &text[20..21], &text[22..])),
        ("cut short", text[..text.len() - 1].to_string()),
        ("something else", "https://example.org/".to_string()),
    ] {
        match damaged.parse::<Card>() {
            Ok(_) => println!("{what}: read?"),
            Err(error) => println!("{what}: {error}"),
        }
    }
    Ok(())
}
