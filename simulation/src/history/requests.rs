//! Requests: the calls that ask for the same events, by their ids.

use std::collections::HashMap;

use uuid::Uuid;

use super::{AskedEvent, Moment, Operation, Violation};

/// What was asked for once, or again and again until there was an answer.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) events: &'a [AskedEvent],
    /// Indices of the operations that asked for it.
    pub(super) attempts: Vec<usize>,
    /// When the first of them began.
    pub(super) invoked: Moment,
}

#[derive(Debug)]
pub(super) struct Requests<'a> {
    pub(super) all: Vec<Request<'a>>,
    by_event: HashMap<Uuid, (usize, usize)>,
}

impl<'a> Requests<'a> {
    pub(super) fn new(operations: &'a [Operation], violations: &mut Vec<Violation>) -> Self {
        let mut requests = Self {
            all: Vec::new(),
            by_event: HashMap::new(),
        };
        for (index, operation) in operations.iter().enumerate() {
            if let Err(violation) = requests.add(index, operation) {
                violations.push(violation);
            }
        }
        requests
    }

    fn add(&mut self, index: usize, operation: &'a Operation) -> Result<(), Violation> {
        let events = &operation.asked.events[..];
        let Some(first) = events.first() else {
            return Ok(());
        };
        let request = if let Some((request, 0)) = self.by_event.get(&first.id)
            && self.all[*request].events == events
        {
            *request
        } else {
            self.begin(index, events)?
        };
        let request = &mut self.all[request];
        request.attempts.push(index);
        request.invoked = request.invoked.min(operation.invoked);
        Ok(())
    }

    fn begin(&mut self, operation: usize, events: &'a [AskedEvent]) -> Result<usize, Violation> {
        for (index, event) in events.iter().enumerate() {
            let place = (self.all.len(), index);
            if self.by_event.insert(event.id, place).is_some() {
                let id = event.id;
                return Err(Violation::IdAskedTwice { operation, id });
            }
        }
        self.all.push(Request {
            events,
            attempts: Vec::new(),
            invoked: Moment(u64::MAX),
        });
        Ok(self.all.len() - 1)
    }

    /// Which request asked for this event, and as which of its events.
    pub(super) fn of(&self, event: Uuid) -> Option<(usize, usize)> {
        let place = self.by_event.get(&event).copied();
        place.filter(|(request, _)| *request < self.all.len())
    }
}
