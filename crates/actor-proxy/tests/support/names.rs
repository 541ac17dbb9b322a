//! What envelopes of a node name, for a peer that makes use of it.
#![allow(dead_code, unreachable_pub, missing_docs)]

use bytes::Bytes;

/// What is left of some bytes.
pub struct Script<'a>(pub &'a [u8]);

impl<'a> Script<'a> {
    pub fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = (usize::from(self.byte()) * most / 255).min(self.0.len());
        self.0.split_off(..count).unwrap_or_default()
    }
}

/// Tags, questions and ids that the node has named, the newest first.
#[derive(Default)]
pub struct Names {
    pub tags: Vec<[u8; 4]>,
    pub asks: Vec<[u8; 4]>,
    pub ids: Vec<[u8; 16]>,
}

impl Names {
    /// Remembers what names something in an envelope of the node.
    pub fn learn(&mut self, envelope: &Bytes) {
        let mut rest = Script(envelope);
        match rest.byte() {
            0x03 => {
                let confirm = (rest.array::<4>(), rest.byte(), rest.array());
                if let (_, 1, Some(ask)) = confirm {
                    note(&mut self.asks, ask);
                }
                self.learn_table(&mut rest);
            }
            0x04 => {
                rest.array::<4>();
                self.learn_table(&mut rest);
            }
            0x0d => self.learn_offer(&mut rest),
            0x0f => {
                rest.array::<4>();
                self.learn_offer(&mut rest);
            }
            0x0e | 0x10 => {
                let ask = rest.array();
                ask.into_iter().for_each(|ask| note(&mut self.asks, ask));
            }
            _ => {}
        }
    }

    fn learn_table(&mut self, rest: &mut Script<'_>) {
        let count = rest.array().map_or(0, u16::from_le_bytes);
        for _ in 0..count {
            match rest.byte() {
                0 => drop(rest.array::<16>()),
                1 => self.learn_offer(rest),
                2 => {
                    let flags = rest.byte();
                    rest.array::<{ 80 + 16 + 1 }>();
                    let length = usize::from(rest.byte());
                    let _ = rest.0.split_off(..length);
                    if flags & 2 != 0 {
                        let (id, tag) = (rest.array(), rest.array());
                        id.into_iter().for_each(|id| note(&mut self.ids, id));
                        tag.into_iter().for_each(|tag| note(&mut self.tags, tag));
                        rest.array::<8>();
                    }
                }
                _ => {
                    let ask = rest.array();
                    ask.into_iter().for_each(|ask| note(&mut self.asks, ask));
                    rest.byte();
                }
            }
        }
    }

    fn learn_offer(&mut self, rest: &mut Script<'_>) {
        rest.byte();
        let (id, tag) = (rest.array(), rest.array());
        id.into_iter().for_each(|id| note(&mut self.ids, id));
        tag.into_iter().for_each(|tag| note(&mut self.tags, tag));
        rest.array::<9>();
        let length = usize::from(rest.byte());
        let _ = rest.0.split_off(..length);
    }
}

impl Script<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }
}

fn note<T: PartialEq>(known: &mut Vec<T>, new: T) {
    if !known.contains(&new) {
        known.insert(0, new);
        known.truncate(16);
    }
}
