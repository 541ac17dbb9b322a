//! What a node remembers of its peers between two runs: their confirmed counters, and what went wrong.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Kind};
use super::{Home, HomeLock, file};

/// Mishaps kept of one member.
pub(crate) const MAX_MISHAPS: usize = 16;

/// One thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mishap {
    /// Seconds since 1970.
    pub(crate) at: u64,
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) advice: String,
}

/// The last mishaps of each member, by identity in hexadecimal, oldest first.
pub(crate) type History = BTreeMap<String, Vec<Mishap>>;

/// The highest counter that each device has confirmed, by identity and device key in hexadecimal.
pub(crate) type Confirmed = BTreeMap<String, u64>;

/// When there was last a session with each member, by identity in hexadecimal, in seconds since 1970.
pub(crate) type Seen = BTreeMap<String, u64>;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct Mishaps {
    mishaps: History,
}

#[derive(Serialize, Deserialize)]
struct Counters {
    counters: Confirmed,
}

#[derive(Serialize, Deserialize)]
struct LastSeen {
    seen: Seen,
}

const VERSION: u32 = 1;

impl Home {
    /// What went wrong lately.
    pub(crate) fn history(&self) -> Result<History, Failure> {
        Ok(self.load("why.json")?.map(|Mishaps { mishaps }| mishaps).unwrap_or_default())
    }

    /// Keeps the last mishaps of each member.
    pub(crate) fn save_history(&self, _lock: &HomeLock, mut history: History) -> Result<(), Failure> {
        for mishaps in history.values_mut() {
            let surplus = mishaps.len().saturating_sub(MAX_MISHAPS);
            mishaps.drain(..surplus);
        }
        history.retain(|_, mishaps| !mishaps.is_empty());
        self.store("why.json", Mishaps { mishaps: history })
    }

    /// The counters that were confirmed before.
    pub(crate) fn confirmed(&self) -> Result<Confirmed, Failure> {
        Ok(self.load("peers.json")?.map(|Counters { counters }| counters).unwrap_or_default())
    }

    /// Keeps the counters that were confirmed.
    pub(crate) fn save_confirmed(&self, _lock: &HomeLock, counters: Confirmed) -> Result<(), Failure> {
        self.store("peers.json", Counters { counters })
    }

    /// When there was last a session with whom.
    pub(crate) fn seen(&self) -> Result<Seen, Failure> {
        Ok(self.load("seen.json")?.map(|LastSeen { seen }| seen).unwrap_or_default())
    }

    /// Keeps when there was last a session with whom.
    pub(crate) fn save_seen(&self, _lock: &HomeLock, seen: Seen) -> Result<(), Failure> {
        self.store("seen.json", LastSeen { seen })
    }

    fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let path = self.path(name);
        let Some(bytes) = file::read(&path)? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(Versioned { version: VERSION, content }) => Ok(Some(content)),
            _ => Err(Failure::new(Kind::LocalIo, format!("{} cannot be read", path.display()))
                .meaning("it is damaged, or a newer version of this program wrote it")
                .advice(format!("remove {}: it holds no keys and is made anew", file::quoted(&path)))),
        }
    }

    fn store<T: Serialize>(&self, name: &str, content: T) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(&Versioned { version: VERSION, content });
        let json =
            json.map_err(|error| Failure::new(Kind::Broken, format!("{name} cannot be written: {error}")))?;
        file::save(&self.path(name), &json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        let lock = home.lock().unwrap();
        assert_eq!(home.history().unwrap(), History::new());
        let mishap = |at| Mishap { at, what: "no answer".into(), advice: String::new() };
        let history =
            History::from([("aa".to_owned(), (0..100).map(mishap).collect()), ("bb".to_owned(), vec![])]);
        home.save_history(&lock, history).unwrap();
        let kept: Vec<Mishap> = (84..100).map(mishap).collect();
        assert_eq!(home.history().unwrap(), History::from([("aa".to_owned(), kept)]));

        let counters = Confirmed::from([("cc".to_owned(), u64::MAX)]);
        home.save_confirmed(&lock, counters.clone()).unwrap();
        assert_eq!(home.confirmed().unwrap(), counters);
    }

    #[test]
    fn a_damaged_file_is_told_with_the_way_out() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::create(&root.path().join("home")).unwrap();
        for contents in
            ["", "{}", "{\"version\":2,\"counters\":{}}", "{\"version\":1,\"counters\":{\"a\":-1}}"]
        {
            file::save(&home.path("peers.json"), contents.as_bytes()).unwrap();
            assert!(home.confirmed().unwrap_err().advice[0].starts_with("remove "), "{contents}");
        }
    }
}
