//! One writer: asks, records, and repeats under its key what got no answer.

use std::{collections::HashMap, sync::Arc};

use meguri_log::{RequestKey, StreamName, Version};
use meguri_simulation::history::{Answer, Asked, Reading, Refusal};
use uuid::Uuid;

use super::{
    AGAIN, Shared,
    request::{append, compose, shared, stream},
};
use crate::{chance::Chance, record::Line};

/// One in so many requests is followed by another one under its key, and so many by a repeat.
const REPEATED_ONE_IN: u64 = 12;
/// One in so many is preceded by a read.
const READ_ONE_IN: u64 = 3;

pub(super) struct Writer {
    shared: Arc<Shared>,
    own: StreamName,
    chance: Chance,
    /// Versions that were told.
    known: HashMap<StreamName, Version>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, number: u64, seed: u64) -> Self {
        let own = stream(&format!("own-{}-{number}", shared.orders.number));
        Self {
            shared,
            own,
            chance: Chance::seeded(seed),
            known: HashMap::new(),
        }
    }

    /// Settles what another left open, then asks until all are told to stop.
    pub(super) async fn run(&mut self, open: Vec<Asked>) {
        for asked in open {
            self.settle(asked).await;
        }
        while !self.shared.stopped() {
            if self.chance.one_in(READ_ONE_IN) {
                self.read().await;
            }
            let known = &self.known;
            let asked = compose(&mut self.chance, &self.own, |stream| {
                known.get(stream).copied()
            });
            self.settle(asked.clone()).await;
            if asked.key.is_some() && self.chance.one_in(REPEATED_ONE_IN) {
                self.repeat(asked).await;
            }
            let rest = self.chance.millis(0..self.shared.orders.rest + 1);
            tokio::time::sleep(rest).await;
        }
    }

    /// Asks, again and again where there is a key and nobody knows what became of it.
    async fn settle(&mut self, mut asked: Asked) {
        loop {
            match self.ask(&asked).await {
                Answer::Acknowledged(_) | Answer::Refused(_) => return,
                Answer::Failed(_) | Answer::Unknown => {}
            }
            tokio::time::sleep(AGAIN).await;
            if asked.key.is_none() {
                return;
            }
            // Whoever repeats a request need not know the ids it had.
            if self.chance.one_in(2) {
                for event in &mut asked.events {
                    event.id = Uuid::now_v7();
                }
            }
        }
    }

    /// Asks the same once more, or something else under the same key.
    async fn repeat(&mut self, mut asked: Asked) {
        if self.chance.one_in(2) {
            for event in &mut asked.events {
                event.id = Uuid::now_v7();
            }
            let digest = |key: RequestKey| RequestKey {
                request: [7; 32],
                ..key
            };
            asked.key = asked.key.map(digest);
        }
        self.ask(&asked).await;
    }

    async fn ask(&mut self, asked: &Asked) -> Answer {
        let (operation, recorder) = (self.shared.next_operation(), &self.shared.recorder);
        recorder.keep(&Line::Asked(operation, recorder.now(), asked.clone()));
        let answer = Answer::from(self.shared.log.append(append(asked)).await);
        recorder.keep(&Line::Answered(operation, recorder.now(), answer.clone()));
        match &answer {
            Answer::Acknowledged(told) => {
                let versions = told.events.iter().map(|it| (it.stream.clone(), it.version));
                self.known.extend(versions);
            }
            Answer::Refused(Refusal::Conflict { condition, found }) => {
                self.known.insert(condition.stream.clone(), *found);
            }
            Answer::Refused(Refusal::KeyReused) | Answer::Failed(_) | Answer::Unknown => {}
        }
        answer
    }

    /// Reads where the log ends, or a stream.
    async fn read(&mut self) {
        let stream = match self.chance.number(0..3) {
            0 => None,
            1 => Some(self.own.clone()),
            _ => Some(shared(&mut self.chance)),
        };
        let (log, recorder) = (&self.shared.log, &self.shared.recorder);
        let invoked = recorder.now();
        let found = match &stream {
            None => log.head().await.map(|head| head.position.get()),
            Some(stream) => log.stream_head(stream).await.map(Version::get),
        };
        let answered = recorder.now();
        let Ok(found) = found else { return };
        if let Some(stream) = &stream {
            self.known.insert(stream.clone(), Version::new(found));
        }
        recorder.keep(&Line::Read(Reading {
            invoked,
            answered,
            stream,
            found,
        }));
    }
}
