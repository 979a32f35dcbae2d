//! The timeline of an exchange.

use axum::extract::State;
use axum::response::Response;
use meguri_domain::Side;
use meguri_events::{ExchangeId, MemberId};
use meguri_http::{Language, Path, Problem, Query, kinds};
use meguri_views::history::Asking;
use serde::Deserialize;

use super::row::Teller;
use super::story::{Standing, Story};
use super::words::{self, either};
use super::{causes, frame};
use crate::ReadApi;
use crate::asker::Inquirer;
use crate::html::Html;
use crate::names::Names;
use crate::views::log_unavailable;

/// Which part of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Only events after this version of the exchange.
    #[serde(default)]
    after: u64,
}

/// Shows what happened in an exchange to its parties and to auditors.
///
/// # Errors
/// 404 where there is none, and for members who are not one of the two.
pub(super) async fn timeline(
    State(api): State<ReadApi>,
    language: Language,
    inquirer: Inquirer,
    Path(id): Path<ExchangeId>,
    Query(part): Query<Part>,
) -> Result<Response, Problem> {
    may_see(&api, &inquirer, id).await?;
    let mut story = Story::read(&api.log, id, part.after).await?;
    story.look_for_causes(&api.log).await?;
    let checkpoint = api.log.latest_checkpoint().await;
    let checkpoint = checkpoint.map_err(|error| log_unavailable(&error))?;
    let key = api
        .log
        .verifier()
        .await
        .map_err(|error| log_unavailable(&error))?;
    let names = names(&api, &story).await;
    let teller = Teller {
        language,
        names: &names,
        places: &story.places,
        published: checkpoint.map(|it| it.tree.size),
    };
    let title = either(language, "交換の記録", "What happened in an exchange");
    let mut html = frame::begin(language, title, Some(&inquirer));
    head(&mut html, &teller, id, &story);
    proof(
        &mut html,
        language,
        key.map(|key| key.to_string()).as_deref(),
    );
    events(&mut html, &teller, &story);
    Ok(frame::end(html, language))
}

async fn may_see(api: &ReadApi, inquirer: &Inquirer, id: ExchangeId) -> Result<(), Problem> {
    match inquirer.asking {
        Asking::Member(member) => {
            let parties = api.parties.of(&api.log, id).await?;
            let party = parties.includes(member);
            party.then_some(()).ok_or(Problem::new(kinds::NOT_FOUND))
        }
        Asking::Auditor => {
            tracing::info!(auditor = inquirer.subject, exchange = %id, "a timeline is read");
            Ok(())
        }
    }
}

/// The picture and the events themselves.
fn events(html: &mut Html, teller: &Teller<'_>, story: &Story) {
    let language = teller.language;
    html.raw("<h2>")
        .raw(either(language, "つながり", "What led to what"))
        .raw("</h2>\n");
    causes::draw(
        html,
        &story.steps,
        &parties(teller, &story.standing),
        language,
    );
    html.raw("<p>");
    html.raw(either(
        language,
        "矢印は出来事が引き起こした出来事、点線はひとつの操作で起きた出来事どうしです。",
        "An arrow leads from an event to one that it caused; a dashed line joins what one command \
         did.",
    ));
    html.raw("</p>\n<h2>")
        .raw(either(language, "出来事", "Events"));
    html.raw("</h2>\n<ol class=\"events\">\n");
    for step in &story.steps {
        teller.event(html, step);
    }
    html.raw("</ol>\n");
    if let Some(last) = story.steps.last().filter(|_| story.goes_on) {
        html.raw("<p><a rel=\"next\" href=\"?after=");
        html.text(&last.recorded.version().to_string()).raw("\">");
        html.raw(either(language, "続き", "More")).raw("</a></p>\n");
    }
}

/// The names of everybody who did something. Without them ids are shown: the names come from a
/// view, and the log can be audited while that is being built.
async fn names(api: &ReadApi, story: &Story) -> Names {
    let mut members = Vec::new();
    for step in &story.steps {
        if let Some(header) = step.header() {
            members.extend(MemberId::from_stream(header.actor));
            members.extend(header.acting_for.and_then(MemberId::from_stream));
        }
    }
    if let Standing::Known(exchange) = &story.standing {
        members.extend([exchange.opener(), exchange.asked()]);
    }
    Names::of(api, members).await.unwrap_or_default()
}

fn parties(teller: &Teller<'_>, standing: &Standing) -> Vec<(MemberId, String)> {
    let Standing::Known(exchange) = standing else {
        return Vec::new();
    };
    let both = [exchange.opener(), exchange.asked()];
    both.map(|member| (member, teller.member(member))).into()
}

fn head(html: &mut Html, teller: &Teller<'_>, id: ExchangeId, story: &Story) {
    let language = teller.language;
    html.raw("<p><code>")
        .text(&id.stream())
        .raw("</code></p>\n<dl>\n");
    let sides = [Side::Opener, Side::Asked].into_iter();
    for (side, (member, name)) in sides.zip(parties(teller, &story.standing)) {
        html.raw("<dt>")
            .raw(words::side(side, language))
            .raw("</dt><dd>")
            .text(&name);
        html.raw(" <code>")
            .text(&member.stream())
            .raw("</code></dd>\n");
    }
    html.raw("<dt>").raw(if story.goes_on {
        either(
            language,
            "このページの終わりの状態",
            "Where it stands after this page",
        )
    } else {
        either(language, "いまの状態", "Where it stands")
    });
    html.raw("</dt><dd id=\"standing\">")
        .text(&teller.standing(&story.standing));
    html.raw("</dd>\n</dl>\n");
}

/// What the browser checks, and with which key.
fn proof(html: &mut Html, language: Language, key: Option<&str>) {
    let say = |ja, en| either(language, ja, en);
    html.raw("<section class=\"proof\">\n<h2>");
    html.raw(say("このブラウザーで確かめる", "Check it in this browser"))
        .raw("</h2>\n<p><label>");
    html.raw(say("検証鍵", "Verifier key"));
    html.raw(
        " <input type=\"text\" id=\"key\" autocomplete=\"off\" spellcheck=\"false\"></label>\n",
    );
    html.raw("<button type=\"button\" id=\"check-all\" disabled>");
    html.raw(say("証明を確かめる", "Check the proofs"))
        .raw("</button></p>\n");
    html.raw("<p><output id=\"verdict\"></output></p>\n<noscript><p>");
    html.raw(say(
        "確かめるには、このページのプログラムを動かす必要があります。",
        "The program of this page has to run to check anything.",
    ));
    html.raw("</p></noscript>\n<p>");
    html.raw(say(
        "検証鍵は、このサーバーとは別の経路で受け取ったものを入れてください（一度入れると覚えます）。\
         ヘッダーとブラインドからエントリー、葉、ルートを計算し、署名と表示を確かめます。\
         状態はサーバーが計算したもので、確かめる対象ではありません。プログラムもこのサーバーから届きます。\
         サーバーを信じないで確かめるには、証拠の束（meguri audit bundle）と verify.py を使ってください。",
        "Enter the verifier key that you got by another way than this server (it is remembered). \
         Entry, leaf and root are computed from header and blind, and the signature and what is \
         shown are checked. States are computed by the server and not checked, and the program \
         comes from it, too: who does not trust it takes a bundle (meguri audit bundle) and \
         verify.py.",
    ));
    html.raw("</p>\n");
    if let Some(key) = key {
        html.raw("<p>").raw(say(
            "このサーバーの言う鍵: ",
            "The key that this server tells: ",
        ));
        html.raw("<code id=\"served-key\">")
            .text(key)
            .raw("</code></p>\n");
    }
    html.raw("</section>\n");
}
