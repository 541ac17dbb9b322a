//! `conclave invite`

use clap::Args;
use membership::MAX_TICKET_USES;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::super::event::{Event, TicketLine};
use super::super::failure::{Failure, Kind};
use super::super::home::Home;
use super::super::ipc::{Allowance, Request};
use super::super::secret::SecretText;
use super::super::span::Span;
use super::{Context, Holder};

/// Issue a ticket: whoever has it comes in by it, once if nothing else is said, and for a short time
///
/// Prints one line, the ticket. It holds a secret: hand it over where strangers do not read. The newcomer runs `conclave
/// join` and pastes it. `conclave up` must run here, or nobody answers.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only for this one: their identity from `conclave whoami`, their card, or a member
    #[arg(long = "for", value_name = "IDENTITY")]
    whom: Option<String>,
    /// How long the ticket opens: 90s, 10m, 2h, 7d
    #[arg(long, value_name = "TIME", default_value_t = Span(600))]
    expires: Span,
    /// How many may come in by it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_TICKET_USES)))]
    uses: u16,
    /// Whoever comes in asks more than they are asked: their messages are held to smaller sizes
    #[arg(long)]
    client: bool,
    /// How many introductions may follow from whoever comes in; 0: they introduce nobody
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=i64::from(membership::MAX_DEPTH)))]
    depth: u8,
    /// Draw the ticket as a QR code too
    #[arg(long)]
    qr: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &mut Context) -> Result<(), Failure> {
    let home = Home::open(&context.home_folder)?;
    let allowance = Allowance {
        bound: arguments.whom,
        seconds: arguments.expires.0,
        uses: arguments.uses,
        client: arguments.client,
        depth: arguments.depth,
    };
    let request = Request::Invite(allowance);
    let (mut errand, answered) = match context.holder(&home).await? {
        Holder::Node(running) => (super::Errand::through(running, request), true),
        Holder::Us(lock) => {
            let signer = context.unlock(&home)?;
            (super::Errand::alone(home, lock, Some(signer), request), false)
        }
    };
    while let Some(event) = errand.next().await {
        match event {
            Event::Ticket(mut ticket) => {
                if arguments.qr {
                    ticket.qr = Some(draw(&ticket.uri)?);
                }
                describe(&ticket, arguments.expires, answered, context);
                context.output.show(&Event::Ticket(ticket));
            }
            other => context.output.show(&other),
        }
    }
    errand.outcome()
}

/// What it allows, and what keeps it from being of use.
fn describe(ticket: &TicketLine, expires: Span, answered: bool, context: &mut Context) {
    let whom = match &ticket.bound {
        Some(whom) => format!("{} only", super::super::transfer::printable(whom)),
        None => "whoever has it".to_owned(),
    };
    let times = match ticket.uses {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    };
    let introduces = match ticket.depth {
        0 => "who may introduce nobody".to_owned(),
        1 => "who may introduce others".to_owned(),
        depth => format!("from whom {depth} introductions in a row may follow"),
    };
    context.output.talk(&format!(
        "this ticket opens for {whom}, {times}, within {expires}, as a {} {introduces}",
        ticket.relation
    ));
    context
        .output
        .talk("it holds a secret; hand it over where strangers do not read. They run `conclave join`");
    let mut warn = |what: &str, advice: &str| {
        context.output.show(&Event::Notice { what: what.to_owned(), advice: advice.to_owned() });
    };
    if !answered {
        warn("no `conclave up` runs in this home: nobody answers whoever comes", "start it: `conclave up`");
    }
    if ticket.addresses.is_empty() {
        warn(
            "this home has told no address: whoever has the ticket does not know where to go",
            "say where you can be reached: `conclave up --addresses HOST:PORT`, then invite again",
        );
    }
}

/// The ticket in capitals, which a QR code holds in fewer modules.
fn draw(uri: &SecretText) -> Result<SecretText, Failure> {
    let capitals = zeroize::Zeroizing::new(uri.expose().to_uppercase());
    let code = QrCode::with_error_correction_level(capitals.as_bytes(), EcLevel::L).map_err(|error| {
        Failure::new(Kind::Usage, format!("the ticket does not fit into a QR code: {error}"))
    })?;
    // Terminals are dark more often than not, and a code is dark on light.
    let picture = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .quiet_zone(true)
        .build();
    Ok(picture.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_capitals_in_fewer_modules() {
        let uri = SecretText::from(format!("conclave:ticket1{}", "q".repeat(500)));
        let picture = draw(&uri).unwrap();
        let lines: Vec<&str> = picture.expose().lines().collect();
        let in_bytes = QrCode::with_error_correction_level(uri.expose().as_bytes(), EcLevel::L).unwrap();
        assert!(lines.len() * 2 < in_bytes.width(), "{} lines", lines.len());
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()));
        assert!(picture.expose().chars().all(|block| " █▀▄\n".contains(block)));
    }
}
