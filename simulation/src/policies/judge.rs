//! Whether everything that follows was done, and once.

use std::collections::{BTreeMap, BTreeSet};

use meguri_domain::FollowUpPeriods;
use meguri_events::Timestamp;
use meguri_log::{Header, Recorded};
use serde_json::Value;

/// What a world came to.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) wrong: Vec<String>,
    /// How many events policies have appended.
    pub(super) followed_up: u64,
    /// How many erasures there are.
    pub(super) erased: u64,
}

/// A post, or an exchange.
#[derive(Default)]
struct Held {
    by: Vec<String>,
    /// How often it has ended.
    ended: u32,
    reminded: u32,
    /// When somebody reported first.
    reported: Option<i64>,
}

#[derive(Default)]
struct Walk {
    held: BTreeMap<String, Held>,
    left: BTreeSet<String>,
    /// Keys of a member that are to be destroyed, and how often it was said that they are.
    keys: BTreeMap<(String, String), u32>,
    /// What a policy did because of one event.
    followed: BTreeSet<(String, String, String, String)>,
    judged: Judged,
}

/// Walks the log from its beginning to its end.
pub(super) fn judge(events: &[Recorded], periods: FollowUpPeriods) -> Judged {
    let mut walk = Walk::default();
    for event in events {
        if let Some(Ok(header)) = event.header() {
            let data: Value = serde_json::from_str(header.data).unwrap_or_default();
            walk.once(event, &header);
            walk.members(&header, &data);
            walk.held(&header, &data, periods);
        }
    }
    walk.end()
}

fn text(data: &Value, name: &str) -> String {
    data[name].as_str().unwrap_or_default().to_owned()
}

fn micros(period: std::time::Duration) -> i64 {
    i64::try_from(period.as_micros()).unwrap_or(i64::MAX)
}

impl Walk {
    fn wrong(&mut self, what: String) {
        self.judged.wrong.push(what);
    }

    /// A policy does one thing because of one event once.
    fn once(&mut self, event: &Recorded, header: &Header<'_>) {
        if !header.actor.starts_with("policy-") {
            return;
        }
        self.judged.followed_up += 1;
        let followed = (
            header.actor.to_owned(),
            format!("{:?}", header.causation),
            header.event_type.to_owned(),
            header.stream.to_owned(),
        );
        let (actor, event_type) = (header.actor, header.event_type);
        if !self.followed.insert(followed) {
            let position = event.position();
            self.wrong(format!(
                "{event_type} at {position} was done by {actor} before, because of the same event"
            ));
        }
    }

    fn members(&mut self, header: &Header<'_>, data: &Value) {
        let keys = data["keys"].as_array().into_iter().flatten();
        let keys = keys.filter_map(Value::as_str);
        let member = header.stream.to_owned();
        let owned = keys.map(|keys| (member.clone(), keys.to_owned()));
        match header.event_type {
            "MemberLeft" => {
                self.left.insert(member);
            }
            "MemberErased" => {
                self.judged.erased += 1;
                for keys in owned {
                    self.keys.entry(keys).or_default();
                }
            }
            "KeysDestroyed" => {
                for keys in owned {
                    let known = self.keys.get_mut(&keys).map(|times| {
                        *times += 1;
                        *times
                    });
                    if known != Some(1) {
                        let (member, keys) = keys;
                        self.wrong(format!(
                            "the keys {keys} of {member} are said to be destroyed, and nobody \
                             asked, or it was said before"
                        ));
                    }
                }
            }
            _ => {}
        }
    }

    fn held(&mut self, header: &Header<'_>, data: &Value, periods: FollowUpPeriods) {
        let by = match header.event_type {
            "NeedPosted" | "OfferPosted" => vec![text(data, "by")],
            "ExchangeRequested" => vec![text(data, "requester"), text(data, "owner")],
            "ExchangeApplied" => vec![text(data, "applicant"), text(data, "poster")],
            _ => Vec::new(),
        };
        let held = self.held.entry(header.stream.to_owned()).or_default();
        held.by.extend(by);
        let since_report = held.reported.map(|at| header.at.micros() - at);
        let too_early = |period| since_report.is_none_or(|since| since < micros(period));
        let mut wrong = None;
        match header.event_type {
            "NeedClosed" | "OfferClosed" | "ExchangeCancelled" | "ExchangeAborted" => {
                held.ended += 1;
            }
            "ExchangeCompleted" => {
                held.ended += 1;
                if data["by_policy"] == true && too_early(periods.complete_after) {
                    wrong = Some("was completed before its time");
                }
            }
            "CompletionReported" => {
                let at: Option<Timestamp> =
                    serde_json::from_value(data["reported_at"].clone()).ok();
                held.reported = held.reported.or(at.map(Timestamp::as_micros));
            }
            "CompletionReminded" => {
                held.reminded += 1;
                if too_early(periods.remind_after) {
                    wrong = Some("was reminded of before its time");
                }
            }
            _ => {}
        }
        if held.ended > 1 || held.reminded > 1 {
            wrong = Some("has ended, or was reminded of, twice");
        }
        if let Some(wrong) = wrong {
            self.wrong(format!("{} {wrong}", header.stream));
        }
    }

    /// In the end nothing is left to be done.
    fn end(self) -> Judged {
        let Self {
            held,
            left,
            keys,
            mut judged,
            ..
        } = self;
        for (name, held) in held {
            let has_left = held.by.iter().any(|by| left.contains(by));
            if has_left && held.ended == 0 {
                let what = format!("{name} is open, though a member has left who was in it");
                judged.wrong.push(what);
            }
            if held.reported.is_some() && held.ended == 0 {
                let what = format!("{name} was reported by one party, and has not ended");
                judged.wrong.push(what);
            }
        }
        for ((member, keys), times) in keys {
            if times == 0 {
                let what = format!("the keys {keys} of {member} are not destroyed");
                judged.wrong.push(what);
            }
        }
        judged
    }
}
