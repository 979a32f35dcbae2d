//! Whatever anybody tries in whatever order, an exchange stays sound.

use std::time::Duration;

use meguri_domain::{Aggregate, Exchange, ExchangeError, FollowUpPeriods, Status};
use meguri_events::{Event, ExchangeEvent, MemberId, Mode, Modes, NeedId, OfferId, Opened, PostId};
use proptest::prelude::*;

use crate::scene::{
    ASKED, NEED, NOW, OFFER, OPENER, STRANGER, acting, message, opened, posted_with, reason, terms,
    words,
};

/// Something that somebody tries.
#[derive(Debug, Clone)]
enum Try {
    Message {
        keep_negotiating: bool,
        terms_version: Option<u32>,
    },
    AnswerToLatest,
    Propose {
        mode: Mode,
        in_return: bool,
    },
    Agree {
        version: u32,
    },
    AgreeToLatest,
    Cancel,
    Abort,
    Report,
    Thank {
        words: bool,
    },
    Evaluate,
    Retract,
    PolicyReminds,
    PolicyCompletes,
    PolicyEnds,
}

/// Which member tries what, so many hours after the try before.
#[derive(Debug, Clone)]
struct Step {
    by: MemberId,
    hours: u64,
    what: Try,
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Online), Just(Mode::ByPost), Just(Mode::InPerson)]
}

fn tries() -> impl Strategy<Value = Try> {
    prop_oneof![
        2 => (any::<bool>(), proptest::option::of(0..4_u32)).prop_map(
            |(keep_negotiating, terms_version)| Try::Message { keep_negotiating, terms_version }
        ),
        1 => Just(Try::AnswerToLatest),
        2 => (modes(), any::<bool>())
            .prop_map(|(mode, in_return)| Try::Propose { mode, in_return }),
        1 => (0..4_u32).prop_map(|version| Try::Agree { version }),
        3 => Just(Try::AgreeToLatest),
        1 => Just(Try::Cancel),
        1 => Just(Try::Abort),
        5 => Just(Try::Report),
        4 => any::<bool>().prop_map(|words| Try::Thank { words }),
        3 => Just(Try::Evaluate),
        2 => Just(Try::Retract),
        1 => Just(Try::PolicyReminds),
        1 => Just(Try::PolicyCompletes),
        1 => Just(Try::PolicyEnds),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let by = prop_oneof![4 => Just(OPENER), 4 => Just(ASKED), 1 => Just(STRANGER)];
    let hours = prop_oneof![4 => 0..3_u64, 1 => 0..500_u64];
    let step = (by, hours, tries()).prop_map(|(by, hours, what)| Step { by, hours, what });
    proptest::collection::vec(step, 0..60)
}

#[derive(Debug, Clone)]
struct Start {
    post: PostId,
    mode: Mode,
    no_return_needed: bool,
}

fn starts() -> impl Strategy<Value = Start> {
    let post = prop_oneof![
        Just::<NeedId>(NEED).prop_map(PostId::from),
        Just::<OfferId>(OFFER).prop_map(PostId::from)
    ];
    (post, modes(), any::<bool>()).prop_map(|(post, mode, no_return_needed)| Start {
        post,
        mode,
        no_return_needed,
    })
}

/// Just the one kind of mode is allowed, so that proposals can be out of bounds.
fn allowed(start: &Start) -> Modes {
    let online = start.mode == Mode::Online;
    Modes {
        online,
        offline: !online,
    }
}

fn attempt(
    exchange: &Exchange,
    step: &Step,
    now: meguri_events::Timestamp,
) -> Result<Vec<ExchangeEvent>, ExchangeError> {
    let (by, periods) = (acting(step.by), FollowUpPeriods::default());
    match step.what {
        Try::Message {
            keep_negotiating,
            terms_version,
        } => exchange.post_message(by, message("はい"), keep_negotiating, terms_version),
        Try::AnswerToLatest => {
            let latest = Some(exchange.terms_version());
            exchange.post_message(by, message("はい"), false, latest)
        }
        Try::Propose { mode, in_return } => {
            exchange.propose_terms(by, terms(mode, in_return.then_some("お菓子")))
        }
        Try::Agree { version } => exchange.agree(by, version),
        Try::AgreeToLatest => exchange.agree(by, exchange.terms_version()),
        Try::Cancel => exchange.cancel(by, None),
        Try::Abort => exchange.abort(by, reason()),
        Try::Report => exchange.report_completion(by, now),
        Try::Thank { words: true } => exchange.send_thanks(by, Some(words("どうも")), now),
        Try::Thank { words: false } => exchange.send_thanks(by, None, now),
        Try::Evaluate => exchange.write_evaluation(by, words("丁寧"), now),
        Try::Retract => exchange.retract_evaluation(by),
        Try::PolicyReminds => Ok(exchange.remind_completion(now, periods)),
        Try::PolicyCompletes => Ok(exchange.complete_by_policy(now, periods)),
        Try::PolicyEnds => Ok(exchange.end_as_party_left(step.by)),
    }
}

fn follows(before: Status, after: Status) -> bool {
    use Status::{Aborted, Cancelled, Completed, InProgress, Negotiating};
    before == after
        || matches!(
            (before, after),
            (Negotiating, InProgress | Cancelled) | (InProgress, Completed | Aborted)
        )
}

fn survives_its_encoding(event: &ExchangeEvent) -> bool {
    let event = Event::from(event.clone());
    let encoded = event.encode().unwrap();
    let sections: Vec<_> = encoded
        .sections
        .iter()
        .map(|s| (s.name, Opened::Plain(&s.plaintext)))
        .collect();
    let (event_type, schema) = (encoded.event_type, encoded.schema);
    Event::decode(event_type, schema, &encoded.data, &sections) == Ok(event)
}

/// Runs the steps; checks each of them, and yields the final state and everything that happened.
fn run(start: &Start, steps: &[Step]) -> (Exchange, Vec<ExchangeEvent>) {
    let posted = posted_with(start.post, allowed(start), start.no_return_needed);
    let mut history = opened(&posted, start.mode);
    let mut exchange = Exchange::replay(&history).unwrap();
    let mut now = NOW;
    for step in steps {
        now = now.plus(Duration::from_hours(step.hours));
        let Ok(events) = attempt(&exchange, step, now) else {
            continue;
        };
        let before = exchange.clone();
        for event in &events {
            assert!(survives_its_encoding(event), "{event:?}");
            let status = exchange.status();
            exchange = Exchange::evolve(Some(exchange), event).unwrap();
            assert!(follows(status, exchange.status()), "{status:?} {event:?}");
        }
        let by_policy = matches!(step.what, Try::PolicyReminds | Try::PolicyCompletes);
        assert!(
            step.by != STRANGER || by_policy || events.is_empty(),
            "{step:?}"
        );
        assert!(
            before.is_open() || events.iter().all(comes_after),
            "{step:?} {events:?}"
        );
        history.extend(events);
    }
    (exchange, history)
}

/// What may still happen when an exchange is over.
fn comes_after(event: &ExchangeEvent) -> bool {
    matches!(
        event.type_name(),
        "ThanksSent" | "EvaluationWritten" | "EvaluationRetracted"
    )
}

/// The member who agreed and the version of the terms, if that is what the event tells.
fn consent(event: &ExchangeEvent) -> Option<(MemberId, u32)> {
    if let ExchangeEvent::TermsAgreed(e) = event {
        Some((e.by, e.version))
    } else if let ExchangeEvent::TermsProposed(e) = event {
        Some((e.by, e.version))
    } else {
        None
    }
}

fn count(history: &[ExchangeEvent], which: impl Fn(&ExchangeEvent) -> bool) -> usize {
    history.iter().filter(|event| which(event)).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_an_exchange(start in starts(), steps in steps()) {
        let (exchange, history) = run(&start, &steps);
        prop_assert_eq!(Exchange::replay(&history), Some(exchange.clone()));
        prop_assert_eq!((exchange.opener(), exchange.asked()), (OPENER, ASKED));
        prop_assert_eq!(exchange.post(), start.post);

        let named = |name: &'static str| count(&history, |event| event.type_name() == name);
        let completed = usize::from(exchange.status() == Status::Completed);
        prop_assert_eq!(named("ExchangeCompleted"), completed);
        prop_assert!(named("ExchangeStarted") <= 1);
        prop_assert!(named("CompletionReminded") <= 1);
        prop_assert!(named("ExchangeCancelled") + named("ExchangeAborted") + completed <= 1);
    }

    #[test]
    fn nobody_thanks_evaluates_or_reports_twice(start in starts(), steps in steps()) {
        let (_, history) = run(&start, &steps);
        for party in [OPENER, ASKED] {
            let thanks = |e: &_| matches!(e, ExchangeEvent::ThanksSent(e) if e.from == party);
            let words = |e: &_| matches!(e, ExchangeEvent::EvaluationWritten(e) if e.by == party);
            let report = |e: &_| matches!(e, ExchangeEvent::CompletionReported(e) if e.by == party);
            prop_assert!(count(&history, thanks) <= 1);
            prop_assert!(count(&history, words) <= 1);
            prop_assert!(count(&history, report) <= 1);
        }
    }

    #[test]
    fn it_starts_on_terms_to_which_both_have_agreed(start in starts(), steps in steps()) {
        let (_, history) = run(&start, &steps);
        for (index, event) in history.iter().enumerate() {
            let ExchangeEvent::ExchangeStarted(started) = event else { continue };
            prop_assert!(allowed(&start).allow(started.mode));
            for party in [OPENER, ASKED] {
                let consents = count(&history[..index], |event| {
                    consent(event) == Some((party, started.version))
                });
                let by_opening = usize::from(party == OPENER && started.version == 0);
                prop_assert_eq!(consents + by_opening, 1);
            }
        }
    }

    #[test]
    fn what_is_repeated_at_once_yields_nothing_more_or_is_refused(
        start in starts(),
        steps in steps(),
        last in (prop_oneof![Just(OPENER), Just(ASKED)], tries()),
    ) {
        let (exchange, _) = run(&start, &steps);
        let now = NOW.plus(Duration::from_hours(24 * 400));
        let step = Step { by: last.0, hours: 0, what: last.1 };
        let again_and_again = matches!(
            step.what,
            Try::Message { .. } | Try::AnswerToLatest | Try::Propose { .. }
        );
        let once_only = !again_and_again;
        if let Ok(events) = attempt(&exchange, &step, now) && once_only {
            let after = events.iter().fold(Some(exchange), Exchange::evolve).unwrap();
            prop_assert!(attempt(&after, &step, now).unwrap_or_default().is_empty());
        }
    }
}
