//! Given what has happened, when a command comes, then this follows.

use std::fmt::Debug;

use meguri_domain::Aggregate;

/// A stream in which something has happened.
pub(crate) struct Given<A>(A);

/// Replays what has happened.
pub(crate) fn given<A: Aggregate>(history: impl IntoIterator<Item = A::Event>) -> Given<A> {
    let state = history
        .into_iter()
        .fold(None, |state, event| A::evolve(state, &event));
    Given(state.expect("the history starts with an opening"))
}

impl<A: Aggregate> Given<A> {
    /// Sends a command that may be refused.
    pub(crate) fn when<R>(
        self,
        command: impl FnOnce(&A) -> Result<Vec<A::Event>, R>,
    ) -> Outcome<A::Event, R> {
        Outcome(command(&self.0))
    }

    /// Lets a policy act, which is never refused.
    pub(crate) fn when_policy(
        self,
        command: impl FnOnce(&A) -> Vec<A::Event>,
    ) -> Outcome<A::Event, Never> {
        Outcome(Ok(command(&self.0)))
    }

    /// The state itself.
    pub(crate) fn state(self) -> A {
        self.0
    }
}

/// Stands where nothing is ever refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Never {}

/// What a command has led to.
pub(crate) struct Outcome<E, R>(Result<Vec<E>, R>);

impl<E: Debug + PartialEq, R: Debug + PartialEq> Outcome<E, R> {
    /// Just these events, in this order.
    pub(crate) fn then(self, expected: impl IntoIterator<Item = E>) {
        assert_eq!(self.0, Ok(expected.into_iter().collect()));
    }

    /// No event: what was asked for holds already, or is not due.
    pub(crate) fn then_nothing(self) {
        assert_eq!(self.0, Ok(vec![]));
    }

    /// The command was refused for this reason.
    pub(crate) fn then_refused(self, reason: R) {
        assert_eq!(self.0, Err(reason));
    }
}
