//! Coming in: by a ticket, by introduction, and what a ticket must do and must not.

use std::sync::Arc;

use membership::{Ticket, Voucher};
use node::{Invitation, Kept};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::life::Life;
use crate::promise::Vouching;
use crate::workload::User;
use crate::world::{World, lock};

/// Comes in by a ticket.
pub(crate) async fn join(world: &World, me: u8, life: &Life, issuer: u8, ticket: &Ticket, user: &User) {
    let before = Entrance::look(world, issuer, me, ticket);
    lock(&world.promises).trying(issuer, &ticket.id);
    lock(&world.promises).begin_vouching(me);
    let mine = lock(&world.promises).vouching(me);
    let joined = user.outcome("join", life, life.node.join(ticket)).await;
    let Some(result) = joined else { return };
    lock(&world.promises).end_vouching(me);
    user.note("join", &result);
    if result.is_err() {
        world.note_half_joined(me, issuer);
        return;
    }
    lock(&world.promises).vouched(me, world.member(issuer).identity);
    let (Some(before), Some(after)) = (before, Entrance::look(world, issuer, me, ticket)) else { return };
    // Who is let in otherwise meanwhile, comes to somebody who comes to them, or comes by two tickets at once, needs no
    // ticket, or not this one.
    let comes_twice = mine.running > 1 || lock(&world.promises).vouching(me).begun != mine.begun;
    let came_otherwise = comes_twice
        || before.is_in
        || before.voucher == after.voucher
        || before.vouching != after.vouching
        || after.vouching.running > 0;
    if came_otherwise {
        return;
    }
    world.trace.count("join.by-ticket");
    if !before.is_open {
        world.fail("a ticket that is used up lets nobody in", format!("{me} came to {issuer}"));
    }
    if after.is_open {
        world.fail("a ticket that is used is gone", format!("{me} came to {issuer}"));
    }
    lock(&world.promises).vouched(issuer, world.member(me).identity);
    let came = lock(&world.promises).came(issuer, ticket.id, me);
    if let Err(what) = came {
        world.fail("a ticket for one lets one in", what);
    }
}

/// How somebody stands with the issuer of a ticket.
struct Entrance {
    is_in: bool,
    /// Whether the ticket is there, as it is stored.
    is_open: bool,
    voucher: Option<Voucher>,
    /// What else may have let them in.
    vouching: Vouching,
}

impl Entrance {
    fn look(world: &World, issuer: u8, who: u8, ticket: &Ticket) -> Option<Self> {
        let (host, who) = (world.member(issuer).identity, world.member(who).identity);
        let life = world.life(issuer)?;
        let kept = Kept::load(&life.store, &host).ok()?;
        Some(Self {
            is_in: World::is_in(&life.node, &who),
            is_open: kept.tickets.contains_key(&ticket.id),
            voucher: kept.directory.voucher(&host, &who).cloned(),
            vouching: lock(&world.promises).vouching(issuer),
        })
    }
}

/// Sets a first acquaintance up, by tickets and introductions, while nothing is wrong yet.
pub(crate) async fn acquaint(world: &Arc<World>, rng: &mut StdRng) {
    for number in world.numbers().skip(1) {
        let issuer = if rng.random_bool(0.6) { 0 } else { rng.random_range(0..number) };
        let (Some(host), Some(guest)) = (world.life(issuer), world.life(number)) else { return };
        let user = User::new(world, number, 0);
        match host.node.invite(Invitation { depth: 2, ..Invitation::default() }).await {
            Ok(ticket) => join(world, number, &guest, issuer, &ticket, &user).await,
            Err(error) => world.fail("a new node can invite", format!("{issuer}: {error}")),
        }
    }
    let Some(host) = world.life(0) else { return };
    for one in world.numbers().skip(1) {
        for other in world.numbers().skip(usize::from(one) + 1) {
            let (one, other) = (world.member(one).identity, world.member(other).identity);
            if rng.random_bool(0.6) && World::is_in(&host.node, &one) && World::is_in(&host.node, &other) {
                let introduced = host.node.introduce(one, other).await;
                world.trace.note("acquaint.introduce", format_args!("{}", introduced.is_ok()));
            }
        }
    }
}
