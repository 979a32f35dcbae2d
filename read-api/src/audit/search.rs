//! Search in the log: by member, type, time and exchange, for auditors; a party finds its own
//! exchanges.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Language, Problem, Query};
use meguri_log::{Position, Recorded};
use meguri_views::history::Asking;
use serde::Deserialize;

use super::frame;
use super::looking::Looking;
use super::row::{self, Teller};
use super::words::{self, either};
use crate::ReadApi;
use crate::asker::Inquirer;
use crate::html::Html;
use crate::list;
use crate::names::Names;
use crate::views::{View, log_unavailable, refusal};

/// What is looked for; empty fields of the form look for everything.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) member: String,
    pub(super) exchange: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Only events after this position.
    pub(super) after: u64,
    /// Where a party's list of exchanges goes on.
    cursor: Option<String>,
}

/// Shows what was found.
///
/// # Errors
/// 400 for a field that cannot be read, 404 for an exchange or a member that the reader may know
/// nothing of.
pub(super) async fn search(
    State(api): State<ReadApi>,
    language: Language,
    inquirer: Inquirer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let title = either(language, "監査: 記録をさがす", "Audit: search the log");
    let mut html = frame::begin(language, title, Some(&inquirer));
    form(&mut html, &wanted, language);
    match inquirer.asking {
        Asking::Member(member) if wanted.exchange.trim().is_empty() => {
            own_exchanges(&api, &mut html, member, &wanted, language).await?;
        }
        Asking::Member(_) | Asking::Auditor => {
            let looking = Looking::of(&api, &wanted, &inquirer).await?;
            found(&api, &mut html, looking, &wanted, language).await?;
        }
    }
    Ok(frame::end(html, language))
}

/// A field of the form: its name, what it is called, and its kind of input.
type Field<'a> = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'a str,
);

fn form(html: &mut Html, wanted: &Wanted, language: Language) {
    let fields: [Field<'_>; 4] = [
        (
            "member",
            "会員（ID かユーザー名）",
            "Member (id or user name)",
            "text",
            &wanted.member,
        ),
        (
            "exchange",
            "交換（ID）",
            "Exchange (id)",
            "text",
            &wanted.exchange,
        ),
        ("from", "この日から", "From", "date", &wanted.from),
        (
            "to",
            "この日まで（日本時間）",
            "To (days of Japan)",
            "date",
            &wanted.to,
        ),
    ];
    html.raw("<form method=\"get\" action=\"/audit\" role=\"search\">\n");
    for (name, ja, en, kind, value) in fields {
        html.raw("<label>")
            .raw(either(language, ja, en))
            .raw(" <input type=\"")
            .raw(kind);
        html.raw("\" name=\"")
            .raw(name)
            .raw("\" value=\"")
            .text(value)
            .raw("\"></label>\n");
    }
    types(html, &wanted.event_type, language);
    html.raw("<button>")
        .raw(either(language, "さがす", "Search"));
    html.raw("</button>\n</form>\n");
}

/// The types to choose from.
fn types(html: &mut Html, wanted: &str, language: Language) {
    html.raw("<label>")
        .raw(either(language, "種類", "Type"))
        .raw(" <select name=\"type\">");
    html.raw("<option value=\"\">")
        .raw(either(language, "すべて", "All"))
        .raw("</option>\n");
    for name in meguri_events::TYPES {
        html.raw("<option value=\"").text(name).raw("\"");
        html.raw(if *name == wanted { " selected>" } else { ">" });
        html.text(words::event_type(name, language))
            .raw(" (")
            .text(name)
            .raw(")</option>\n");
    }
    html.raw("</select></label>\n");
}

async fn found(
    api: &ReadApi,
    html: &mut Html,
    looking: Looking,
    wanted: &Wanted,
    language: Language,
) -> Result<(), Problem> {
    let found = looking.look(api).await?;
    let checkpoint = api.log.latest_checkpoint().await;
    let checkpoint = checkpoint.map_err(|error| log_unavailable(&error))?;
    let actors = found.events.iter().filter_map(|event| event.header()?.ok());
    let actors = actors.filter_map(|header| MemberId::from_stream(header.actor));
    // Names come from a view; without it the log is still there, and ids are shown.
    let names = Names::of(api, actors.collect::<Vec<_>>())
        .await
        .unwrap_or_default();
    let teller = Teller {
        language,
        names: &names,
        places: &HashMap::new(),
        published: checkpoint.map(|it| it.tree.size),
    };
    html.raw("<p>").text(&found.events.len().to_string());
    html.raw(either(language, " 件（位置 ", " events (up to position "))
        .text(&found.up_to.to_string());
    html.raw(either(language, " まで）", ")")).raw("</p>\n");
    table(html, &teller, &found.events);
    if found.goes_on {
        more(html, wanted, found.up_to, language);
    }
    Ok(())
}

fn table(html: &mut Html, teller: &Teller<'_>, events: &[Recorded]) {
    let language = teller.language;
    html.raw("<table>\n<tr>");
    for (ja, en) in [
        ("位置", "Position"),
        ("なに", "What"),
        ("だれ", "Who"),
        ("いつ", "When"),
        ("どこ", "Where"),
    ] {
        html.raw("<th>").raw(either(language, ja, en)).raw("</th>");
    }
    html.raw("</tr>\n");
    for event in events {
        let position = event.position();
        html.raw("<tr><td><a href=\"/api/events/")
            .text(&position.to_string())
            .raw("/proof\">");
        html.text(&position.to_string()).raw("</a> ");
        teller.badge(html, position);
        html.raw("</td><td>")
            .text(words::event_type(event.event_type(), language));
        html.raw(" <code>")
            .text(event.event_type())
            .raw("</code></td><td>");
        if let Some(Ok(header)) = event.header() {
            teller.who(html, header.actor);
            html.raw("</td><td>");
            row::moment(html, header.at, language);
        } else {
            html.raw("—</td><td>—");
        }
        html.raw("</td><td>");
        place(html, event);
        html.raw("</td></tr>\n");
    }
    html.raw("</table>\n");
}

/// The stream of an event; an exchange's leads to its timeline.
fn place(html: &mut Html, event: &Recorded) {
    if let Some(exchange) = ExchangeId::from_stream(event.stream()) {
        // The page that begins with the event, or a few before it.
        let before = event.version().get().saturating_sub(20).to_string();
        html.raw("<a href=\"/audit/exchanges/")
            .text(&exchange.to_string())
            .raw("?after=");
        html.text(&before)
            .raw("#event-")
            .text(&event.position().to_string())
            .raw("\">");
        html.raw("<code>").text(event.stream()).raw("</code></a>");
    } else {
        html.raw("<code>").text(event.stream()).raw("</code>");
    }
}

fn more(html: &mut Html, wanted: &Wanted, up_to: Position, language: Language) {
    html.raw("<form method=\"get\" action=\"/audit\">\n");
    let after = up_to.to_string();
    for (name, value) in [
        ("member", wanted.member.as_str()),
        ("exchange", &wanted.exchange),
        ("type", &wanted.event_type),
        ("from", &wanted.from),
        ("to", &wanted.to),
        ("after", &after),
    ] {
        html.raw("<input type=\"hidden\" name=\"")
            .raw(name)
            .raw("\" value=\"")
            .text(value)
            .raw("\">\n");
    }
    html.raw("<button>")
        .raw(either(language, "続きをさがす", "Search on"))
        .raw("</button>\n</form>\n");
}

async fn own_exchanges(
    api: &ReadApi,
    html: &mut Html,
    member: MemberId,
    wanted: &Wanted,
    language: Language,
) -> Result<(), Problem> {
    let cursor = list::cursor(wanted.cursor.as_deref())?;
    let seen = api
        .views(&[View::Rooms], &[View::Profiles], None, None)
        .await?;
    let page = seen
        .rooms()
        .exchanges_of(member, None, cursor, list::LIMIT_DEFAULT)
        .await;
    let page = page.map_err(refusal)?;
    let parties = page
        .items
        .iter()
        .flat_map(|exchange| [exchange.opener, exchange.asked]);
    let names = Names::of(api, parties).await?;
    let teller = Teller {
        language,
        names: &names,
        places: &HashMap::new(),
        published: None,
    };
    html.raw("<h2>")
        .raw(either(language, "あなたの交換", "Your exchanges"))
        .raw("</h2>\n<ul>\n");
    for exchange in page.items {
        html.raw("<li><a href=\"/audit/exchanges/")
            .text(&exchange.id.to_string())
            .raw("\">");
        html.text(&teller.member(exchange.opener))
            .raw(" → ")
            .text(&teller.member(exchange.asked));
        html.raw("</a> ");
        row::moment(html, exchange.opened_at, language);
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
    if let Some(next) = page.next {
        html.raw("<p><a rel=\"next\" href=\"/audit?cursor=")
            .text(&next.to_string())
            .raw("\">");
        html.raw(either(language, "続き", "More")).raw("</a></p>\n");
    }
    Ok(())
}
