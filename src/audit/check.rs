//! `meguri audit check`: the whole log against the bytes it is made of.

use std::io::{IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use meguri_engine::Certified;
use meguri_events::{Event, KeyRange, MemberEvent, MemberId, RedactionEvent};
use meguri_evidence::Verdict;
use meguri_log::{
    Accounts, AuditStep, Audited, ErasedKeys, Header, Log, Position, RedactedEvent, Version,
};
use serde_json::{Value, json};

use crate::command_line::CheckArgs;
use crate::failure::{Failure, to_stdout};
use crate::figures::{self, grouped};
use crate::settings::Settings;
use crate::storage;

/// What the progress bar looks like.
const STYLE: &str = "[{bar:32}] {pos}/{len} events, {per_sec}, {eta} left";
/// How many findings are printed; all are counted.
const FINDINGS_PRINTED: u64 = 1_000;

/// What this product's events say of erasures and redactions.
pub(crate) struct Catalog;

impl Accounts for Catalog {
    fn erased(&self, event: &Header<'_>) -> Vec<ErasedKeys> {
        // What cannot be decoded accounts for nothing, so that what it would cover is found.
        match decoded(event) {
            Some(Event::Member(MemberEvent::MemberErased(erased))) => {
                keys_of(erased.member, &erased.keys)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn redacted(&self, event: &Header<'_>) -> Option<RedactedEvent> {
        let Some(Event::Redaction(RedactionEvent::EventRedacted(said))) = decoded(event) else {
            return None;
        };
        Some(RedactedEvent {
            position: Position::new(said.position),
            stream: said.stream.to_string(),
            version: Version::new(said.version),
            event_type: said.event_type.to_string(),
            entry: said.entry.bytes(),
        })
    }
}

fn decoded(event: &Header<'_>) -> Option<Event> {
    // Only what says of other events that they are closed.
    let accounts = matches!(event.event_type, "MemberErased" | "EventRedacted");
    accounts
        .then(|| Event::decode(event.event_type, event.schema, event.data, &[]).ok())
        .flatten()
}

fn keys_of(member: MemberId, keys: &[KeyRange]) -> Vec<ErasedKeys> {
    let keys = keys.iter().map(|keys| ErasedKeys {
        subject: member.stream(),
        class: keys.class.to_string(),
        last: keys.last,
    });
    keys.collect()
}

/// Checks everything, and prints what does not fit as it is found.
pub(super) async fn run(
    log: &Log,
    settings: &Settings,
    args: CheckArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let (bar, begun) = (progress_bar(log.head().await?.position), Instant::now());
    let printing = Mutex::new(Printing {
        out,
        printed: 0,
        result: Ok(()),
        json: args.json.then(Vec::new),
    });
    let mut tell = |step| match step {
        AuditStep::Checked(position) => bar.set_position(position.get()),
        AuditStep::Found(finding) => {
            let (place, code) = (finding.place.to_string(), finding.kind.code());
            bar.suspend(|| print(&printing, &place, code, &finding.reason));
        }
    };
    let outside = settings.data.value.join(storage::CHECKPOINT_FILE);
    let audited = log
        .audit(Arc::new(Catalog), Some(&outside), &mut tell)
        .await;
    bar.finish_and_clear();
    let audited = audited.map_err(Failure::Audit)?;
    let lasted = begun.elapsed();
    let views = certificates(log, settings).await?;
    let mut findings = audited.findings;
    for view in &views {
        let place = format!("view {}", view.view);
        for (code, reason) in found_in(view) {
            findings += 1;
            print(&printing, &place, code, &reason);
        }
    }
    let Printing {
        out, result, json, ..
    } = printing
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    result?;
    let text = match json {
        None => summary(&audited, &views, findings, lasted),
        Some(found) => object(log, &audited, &views, (findings, found)).await?,
    };
    out.write_all(text.as_bytes()).map_err(to_stdout)?;
    if findings == 0 {
        Ok(())
    } else {
        Err(Failure::NotSound(Verdict::Findings))
    }
}

/// Where findings go while a bar is being drawn.
struct Printing<'a> {
    out: &'a mut (dyn Write + Send),
    printed: u64,
    result: Result<(), Failure>,
    /// What is printed at the end instead, where that is asked for.
    json: Option<Vec<Value>>,
}

fn print(printing: &Mutex<Printing<'_>>, place: &str, code: &str, reason: &str) {
    let mut to = printing.lock().unwrap_or_else(PoisonError::into_inner);
    to.printed += 1;
    if to.result.is_err() || to.printed > FINDINGS_PRINTED {
        return;
    }
    if let Some(found) = &mut to.json {
        found.push(json!({"place": place, "code": code, "reason": reason}));
        return;
    }
    to.result = writeln!(to.out, "{place}: {code}: {reason}").map_err(to_stdout);
}

/// Everything as one JSON object.
async fn object(
    log: &Log,
    audited: &Audited,
    views: &[Certified],
    (findings, found): (u64, Vec<Value>),
) -> Result<String, Failure> {
    let name = log.verifier().await?;
    let views = views.iter().map(|view| {
        let is_sound = view.mismatch.is_none();
        json!({"name": view.view, "position": view.position.get(), "sound": is_sound})
    });
    let object = json!({
        "log": name.map(|key| key.name().as_str().to_owned()),
        "size": audited.events,
        "root": audited.root.map(|root| root.to_string()),
        "sealed": {
            "opened": audited.opened,
            "erased": audited.erased,
            "not_looked_at": audited.unopened,
        },
        "redacted": audited.redacted,
        "tiles": audited.tiles,
        "checkpoints": audited.checkpoints,
        "views": views.collect::<Vec<_>>(),
        "findings": findings,
        "found": found,
        "verdict": if findings == 0 { "sound" } else { "findings" },
    });
    Ok(format!("{object}\n"))
}

fn progress_bar(head: Position) -> ProgressBar {
    let bar = ProgressBar::new(head.get());
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    // The pattern is a constant that a test reads, so the plain bar is never needed.
    let style = ProgressStyle::with_template(STYLE);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.progress_chars("=> "));
    bar
}

/// What has been checked, in a few lines.
fn summary(audited: &Audited, views: &[Certified], findings: u64, lasted: Duration) -> String {
    let Audited {
        events,
        opened,
        unopened,
        erased,
        redacted,
        tiles,
        checkpoints,
        ..
    } = audited;
    let rate = grouped(figures::rate(*events, lasted));
    let sound = views.iter().filter(|view| view.mismatch.is_none()).count();
    let (tiles, checkpoints) = (grouped(*tiles), grouped(*checkpoints));
    let (events, opened) = (grouped(*events), grouped(*opened));
    let (erased, redacted) = (grouped(*erased), grouped(*redacted));
    let unopened = match unopened {
        0 => String::new(),
        unopened => format!(", {} not looked at (no vault)", grouped(*unopened)),
    };
    let seconds = lasted.as_secs_f64();
    let verdict = match findings {
        0 => "sound: nothing was found that does not fit".to_owned(),
        more => format!("findings: {}", grouped(more)),
    };
    format!(
        "{events} events checked in {seconds:.1} s, {rate}/s\n  \
         sealed sections: {opened} open, {erased} erased as the log says{unopened}\n  \
         redacted events: {redacted}\n  \
         published: {tiles} tiles, {checkpoints} checkpoints\n  \
         views: {sound} of {} have consumed exactly this log\n{verdict}\n",
        views.len()
    )
}

/// What does not fit in one view: its code, and the reason.
fn found_in(view: &Certified) -> impl Iterator<Item = (&'static str, String)> {
    let parked = view.parked.iter().map(|parked| {
        let (stream, position) = (&parked.stream, parked.position);
        let reason = format!("without {stream} from {position} on: {}", parked.reason);
        ("parked", reason)
    });
    let mismatch = view.mismatch.iter().cloned();
    parked.chain(mismatch.map(|reason| ("certificate", reason)))
}

/// What the views say that they have consumed.
async fn certificates(log: &Log, settings: &Settings) -> Result<Vec<Certified>, Failure> {
    let folder = storage::views_folder(settings);
    let certified = meguri_views::all().certified(&folder, log).await;
    certified.map_err(|error| Failure::Asked {
        what: folder.display().to_string(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_can_be_drawn() {
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }
}
