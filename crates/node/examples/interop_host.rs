//! A node for clients that were written from `docs/PROTOCOL.md` alone: `tests/interop` speaks with it.
//!
//! Its first line on standard output says who it is and where, as JSON. Then it takes commands on standard input, one
//! a line, and answers each with a line of JSON: `add CARD` lets the member of a card in, `remove CARD` keeps it out,
//! `invite` issues a ticket for one, and `invite CARD` one that is bound to the member of the card. `add-agent ID` and
//! `remove-agent ID` do the same for an agent of the MyCHIPs profile, by its id in hexadecimal. Whoever sends a message
//! to the stream `interop.ask` has it back, behind `heard: `, on the stream `interop.answer`; what comes on
//! `interop.ask.confirmed` is answered in the same way, and when the answer has been acknowledged, `confirmed` follows
//! it. Agents have their messages back on their connection. It ends when its standard input does.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use membership::{Grant, MemberId, NetAddress, Scope, UnixSeconds};
use node::mychips::{self, AgentSecret};
use node::{
    Card, Compression, Device, DeviceKey, DirectoryConfig, Door, Identity, IdentityKey, Invitation,
    JsonValue, Node, Receiver, Record, StreamName, StreamOptions, Suite,
};
use rand::RngExt;
use serde_json::json;
use tokio::runtime::Runtime;

/// The longest message that is answered.
const MAX_MESSAGE_BYTES: u64 = 4 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let (node, card, agent) = runtime.block_on(start())?;
    for (name, confirmed) in [("interop.ask", false), ("interop.ask.confirmed", true)] {
        let asked = node.receiver(stream(name)?)?;
        runtime.spawn(answer(node.clone(), asked, stream("interop.answer")?, confirmed));
    }

    let agents = node.mychips_listener().ok_or("nobody listens for agents")?;
    runtime.spawn(agents.serve(|received| async move { Some([b"heard: ", &received.body[..]].concat()) }));

    let address = node.mychips_address().map(|address| address.to_string());
    say(&json!({ "card": card.to_text()?, "agents": address, "agent": hexadecimal(&agent) }))?;
    for line in io::stdin().lock().lines() {
        let outcome = runtime.block_on(obey(&node, &line?));
        say(&outcome.unwrap_or_else(|error| json!({ "error": error.to_string() })))?;
    }
    runtime.block_on(node.shutdown());
    Ok(())
}

/// Starts a node of somebody new on loopback, and makes its card.
async fn start() -> Result<(Node, Card, IdentityKey), Box<dyn Error>> {
    let mut rng = rand::rng();
    let identity = Identity::generate(&mut rng);
    let key = DeviceKey::generate(&mut rng)?;
    let record = Record::issue(&identity, key.id(), key.key(), UnixSeconds::MAX)?;
    let door = Door::from_bytes(rng.random());

    let device = Device::new(key, record.clone())?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let builder = Node::builder().device(device).door(door.clone()).listen(anywhere);
    let agent = AgentSecret::from_seed(&rng.random())?;
    let agent_id = agent.id();
    let builder = builder.mychips(Some(anywhere), mychips::Config::new(agent));
    let builder = builder.directory(DirectoryConfig::new(identity));
    let node =
        builder.suites([Suite::X3dhHybrid, Suite::X3dh, Suite::NoiseIk, Suite::NoiseIkPsk2]).spawn().await?;

    let address = NetAddress::new(node.local_addresses()[0].to_string())?;
    let card = Card::new(vec![record], door, vec![address], None)?;
    Ok((node, card, agent_id))
}

/// Answers every message, until the node shuts down.
async fn answer(node: Node, mut asked: Receiver, name: StreamName, confirmed: bool) {
    while let Some(incoming) = asked.recv().await {
        let options = StreamOptions::default().with_compression(Compression::Auto);
        let to_asker = node.sender(incoming.from, name.clone(), options);
        // In tasks of their own, for one asker may withhold its credit.
        tokio::spawn(async move {
            let Ok(question) = incoming.body.collect(MAX_MESSAGE_BYTES).await else { return };
            let answer = [b"heard: ", &question[..]].concat();
            if !confirmed {
                to_asker.send(answer).await.ok();
            } else if to_asker.send_confirmed(answer).await.is_ok() {
                to_asker.send("confirmed").await.ok();
            }
        });
    }
}

async fn obey(node: &Node, line: &str) -> Result<JsonValue, Box<dyn Error>> {
    let (command, card) = line.split_once(' ').unwrap_or((line, ""));
    if command.ends_with("-agent") {
        return obey_about_agent(node, command, agent_of(card)?).await;
    }
    let card: Option<Card> = if card.is_empty() { None } else { Some(card.parse()?) };
    let member = card.as_ref().map(Card::identity);
    match (command, card, member) {
        ("add", Some(card), _) => node.vouch_for(card, None).await?,
        ("remove", _, Some(member)) => node.revoke(member).await?,
        ("invite", _, bound) => {
            let ticket = node.invite(Invitation { bound, ..Invitation::default() }).await?;
            return Ok(json!({ "ticket": ticket.to_text()?.as_str() }));
        }
        _ => return Err("no such command".into()),
    }
    Ok(json!({ "member": member.map(|member| MemberId::of(&member).to_string()) }))
}

async fn obey_about_agent(
    node: &Node,
    command: &str,
    agent: IdentityKey,
) -> Result<JsonValue, Box<dyn Error>> {
    match command {
        "add-agent" => {
            let grant = Grant { scope: Scope::default(), depth: 1, expires: UnixSeconds::MAX };
            node.vouch(agent, grant).await?;
        }
        "remove-agent" => node.revoke(agent).await?,
        _ => return Err("no such command".into()),
    }
    Ok(json!({ "member": MemberId::of(&agent).to_string() }))
}

fn agent_of(text: &str) -> Result<IdentityKey, &'static str> {
    let digits = text.len() == 64 && text.is_ascii();
    let byte = |index: usize| u8::from_str_radix(text.get(index..index + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(byte).collect();
    let bytes = bytes.filter(|_| digits).and_then(|bytes| bytes.try_into().ok());
    bytes.map(IdentityKey).ok_or("not the id of an agent")
}

fn hexadecimal(agent: &IdentityKey) -> String {
    agent.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn say(line: &JsonValue) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn stream(name: &str) -> Result<StreamName, &'static str> {
    StreamName::new(name).ok_or("not a name of a stream")
}
