//! One attempt to send a file over one session: offer, go on where the receiver wants to, wait for its last word.

use std::time::Duration;

use bytes::Bytes;
use node::{Outgoing, Priority, SendError, StreamOptions};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::super::event::{Event, FileLine};
use super::super::super::failure::{Failure, Kind};
use super::super::content::{ContentHash, RunningHash};
use super::super::exchange::{Route, Voice, content_stream, while_working};
use super::super::message::{Refusal, TransferId, Word};
use super::super::progress::Progress;
use super::super::reader::{Piece, QUEUE_PIECES, Source};
use super::{Sending, Setback};

/// A receiver that says nothing for so long has gone, or hangs. While it works it says so every few seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

impl Sending<'_> {
    /// Offers the file and sends what is missing of it.
    pub(super) async fn attempt(
        &mut self,
        source: Source,
        file: &FileLine,
        transfer: TransferId,
        voice: &Voice,
    ) -> Result<(), Setback> {
        let mut route = self.exchange.route(self.order.member, transfer);
        let offer = Word::Offer { name: file.name.clone(), bytes: file.bytes };
        voice.say_confirmed(offer).await.map_err(|error| self.unsent(&error))?;
        self.acquainted = true;
        let (offset, prefix) = match self.answer(&mut route).await? {
            Word::Accept { offset, prefix } => (offset, prefix),
            // It was whole already; only its last word was lost.
            Word::Stored { name } => return self.done(file, name, None, file.bytes).await,
            _ => return Err(Setback::Again(strange_answer())),
        };
        let (source, hash) = self.resume(source, offset, prefix, voice).await?;
        let resumed = hash.bytes();
        let _ = self.events.send(Event::FileStarted { file: file.clone(), offset: resumed }).await;

        let (sha256, name) = self.transmit(source, hash, file, transfer, &mut route).await?;
        self.done(file, name, Some(sha256), resumed).await
    }

    /// Sends the content and waits for the last word.
    async fn transmit(
        &mut self,
        source: Source,
        hash: RunningHash,
        file: &FileLine,
        transfer: TransferId,
        route: &mut Route<'_>,
    ) -> Result<(ContentHash, String), Setback> {
        let resumed = hash.bytes();
        let (pieces, mut queue) = mpsc::channel(QUEUE_PIECES);
        let reading = tokio::task::spawn_blocking(move || source.read(transfer, hash, &pieces));
        let mut progress = Progress::new(file.clone(), self.events.clone());
        let written = {
            let content = self.content(&mut queue, transfer, resumed, &mut progress);
            tokio::select! {
                biased;
                refused = refusal_in(&mut route.words) => Err(refused),
                written = content => Ok(written),
            }
        };
        // The reader stops as soon as nobody takes its pieces, and what it found out goes first.
        drop(queue);
        match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(Setback::Final(failure)),
            Err(error) => {
                return Err(Setback::Final(Failure::new(Kind::Broken, format!("reading failed: {error}"))));
            }
        }
        let sha256 = match written {
            Ok(Ok(sha256)) => sha256,
            Ok(Err(setback)) => return Err(setback),
            Err(reason) => return Err(self.refused(reason)),
        };
        match self.answer(route).await? {
            Word::Stored { name } => Ok((sha256, name)),
            _ => Err(Setback::Again(strange_answer())),
        }
    }

    /// Writes segments for as long as the reader has some; returns the hash of the whole file.
    async fn content(
        &mut self,
        queue: &mut mpsc::Receiver<Piece>,
        transfer: TransferId,
        resumed: u64,
        progress: &mut Progress,
    ) -> Result<ContentHash, Setback> {
        let stream = content_stream(transfer).map_err(Setback::Final)?;
        let options = StreamOptions::default().with_priority(Priority::Bulk);
        let sender = self.exchange.node().sender(self.order.member, stream, options);
        let mut outgoing: Option<Outgoing> = None;
        let mut done = resumed;
        let mut sha256 = RunningHash::new().so_far();
        while let Some(piece) = queue.recv().await {
            let bytes = match piece {
                Piece::Header(header) => {
                    let total = header.message_bytes().ok_or_else(|| Setback::Final(strange_answer()))?;
                    outgoing = Some(self.moving(sender.begin(total)).await?);
                    Bytes::copy_from_slice(&header.encode())
                }
                Piece::Content(bytes) => {
                    done = done.saturating_add(u64::try_from(bytes.len()).unwrap_or_default());
                    bytes
                }
                Piece::Hash(hash) => {
                    sha256 = hash;
                    Bytes::copy_from_slice(hash.as_bytes())
                }
            };
            let Some(mut message) = outgoing.take() else { return Err(Setback::Final(strange_answer())) };
            self.moving(message.write(bytes)).await?;
            progress.at(done);
            match message.unwritten_bytes() {
                0 => self.moving(message.finish()).await?,
                _ => outgoing = Some(message),
            }
        }
        Ok(sha256)
    }

    /// Waits for a step of the content, no longer than a whole transfer may stand still.
    async fn moving<T>(&mut self, step: impl Future<Output = Result<T, SendError>>) -> Result<T, Setback> {
        match timeout(self.order.patience, step).await {
            Ok(Ok(taken)) => {
                self.lively();
                Ok(taken)
            }
            Ok(Err(error)) => Err(self.unsent(&error)),
            Err(_) => {
                let what = format!("{} takes nothing more of the file", self.order.called);
                Err(Setback::Final(
                    Failure::new(Kind::TimedOut, what).advice("send it again later: it goes on there"),
                ))
            }
        }
    }

    /// Hashes the beginning of the file, telling the receiver meanwhile that we are at it.
    async fn resume(
        &mut self,
        mut source: Source,
        offset: u64,
        prefix: ContentHash,
        voice: &Voice,
    ) -> Result<(Source, RunningHash), Setback> {
        let hashing =
            tokio::task::spawn_blocking(move || source.resume(offset, prefix).map(|hash| (source, hash)));
        match while_working(voice, hashing).await {
            Ok(Ok(resumed)) => Ok(resumed),
            Ok(Err(failure)) => Err(Setback::Final(failure)),
            Err(error) => Err(Setback::Final(Failure::new(Kind::Broken, format!("hashing failed: {error}")))),
        }
    }

    /// The next answer that is more than a sign of life.
    async fn answer(&mut self, route: &mut Route<'_>) -> Result<Word, Setback> {
        loop {
            match timeout(ANSWER_TIMEOUT, route.words.recv()).await {
                Ok(Some(Word::Working)) => self.lively(),
                Ok(Some(Word::Refuse { reason })) => return Err(self.refused(reason)),
                Ok(Some(word)) => {
                    self.lively();
                    return Ok(word);
                }
                Ok(None) | Err(_) => {
                    let seconds = ANSWER_TIMEOUT.as_secs();
                    let what = format!("{} said nothing about the file for {seconds} s", self.order.called);
                    return Err(Setback::Again(
                        Failure::new(Kind::TimedOut, what)
                            .meaning(
                                "the node answers, but its program for files hangs, or the way is very slow",
                            )
                            .advice("try again later"),
                    ));
                }
            }
        }
    }

    async fn done(
        &self,
        file: &FileLine,
        stored_as: String,
        sha256: Option<ContentHash>,
        resumed_bytes: u64,
    ) -> Result<(), Setback> {
        let sha256 = match sha256 {
            Some(sha256) => sha256,
            None => self.own_hash().await?,
        };
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let event = Event::FileDone { file: file.clone(), stored_as, sha256, resumed_bytes, millis };
        let _ = self.events.send(event).await;
        Ok(())
    }

    /// The hash of the file here, where the receiver had all of it already.
    async fn own_hash(&self) -> Result<ContentHash, Setback> {
        let path = self.order.path.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            let mut source = Source::open(&path)?;
            source.hash()
        });
        match hashing.await {
            Ok(hash) => hash.map_err(Setback::Final),
            Err(error) => Err(Setback::Final(Failure::new(Kind::Broken, format!("hashing failed: {error}")))),
        }
    }
}

/// The next refusal; other words in the middle of the content mean nothing.
async fn refusal_in(words: &mut mpsc::Receiver<Word>) -> Refusal {
    loop {
        match words.recv().await {
            Some(Word::Refuse { reason }) => return reason,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

fn strange_answer() -> Failure {
    Failure::new(Kind::Refused, "the other side gave an answer that does not belong here")
        .advice("both sides may run different versions: compare `conclave --version`")
}
