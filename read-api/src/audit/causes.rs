//! Who led to what, as a picture: a lane for each party, an arrow from each event to those that it
//! caused.

use std::collections::HashMap;

use meguri_events::MemberId;
use meguri_http::Language;
use uuid::Uuid;

use super::story::Step;
use super::words::{self, either};
use crate::html::Html;

/// Pixels from one event to the next, and from the top to the first.
const ROW: usize = 30;
/// Pixels from one lane to the next.
const LANE: usize = 120;
/// Pixels from the left to the first lane.
const LEFT: usize = 60;
/// Where the names of events begin.
const NAMES: usize = LEFT + 2 * LANE + 40;
/// The width of the picture.
const WIDTH: usize = 640;
/// The longest name of a lane, in characters.
const LANE_CHARS_MAX: usize = 10;

/// One event as the picture has it.
struct Node {
    lane: usize,
    id: Uuid,
    causation: Option<Uuid>,
}

/// Draws the picture of these events. The lanes are those of the two parties, given with their
/// names, and one for everybody else.
pub(super) fn draw(
    html: &mut Html,
    steps: &[Step],
    parties: &[(MemberId, String)],
    language: Language,
) {
    let nodes: Vec<Option<Node>> = steps.iter().map(|step| node(step, parties)).collect();
    let height = (steps.len() + 1) * ROW + 10;
    html.raw("<svg class=\"causes\" role=\"img\" viewBox=\"0 0 ")
        .number(WIDTH);
    html.raw(" ")
        .number(height)
        .raw("\" width=\"")
        .number(WIDTH);
    html.raw("\" height=\"")
        .number(height)
        .raw("\" aria-labelledby=\"causes-title\">\n");
    html.raw("<title id=\"causes-title\">");
    html.raw(either(
        language,
        "どの出来事がどれにつながったか",
        "Which event led to which",
    ));
    html.raw("</title>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" ");
    html.raw("markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">");
    html.raw("<path d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n");
    lanes(html, parties, height, language);
    arrows(html, &nodes);
    for (row, (step, node)) in steps.iter().zip(&nodes).enumerate() {
        let position = step.recorded.position().to_string();
        html.raw("<a href=\"#event-")
            .text(&position)
            .raw("\"><circle cx=\"");
        html.number(x(node.as_ref().map_or(2, |node| node.lane)));
        html.raw("\" cy=\"")
            .number(y(row))
            .raw("\" r=\"6\"/><text x=\"")
            .number(NAMES);
        html.raw("\" y=\"")
            .number(y(row) + 5)
            .raw("\">")
            .text(&position)
            .raw(" ");
        html.text(words::event_type(step.recorded.event_type(), language))
            .raw("</text></a>\n");
    }
    html.raw("</svg>\n");
}

fn node(step: &Step, parties: &[(MemberId, String)]) -> Option<Node> {
    let header = step.header()?;
    let actor = MemberId::from_stream(header.actor);
    let lane = parties.iter().position(|(party, _)| Some(*party) == actor);
    Some(Node {
        lane: lane.unwrap_or(2),
        id: header.id,
        causation: header.causation,
    })
}

const fn x(lane: usize) -> usize {
    LEFT + lane * LANE
}

const fn y(row: usize) -> usize {
    (row + 1) * ROW + 6
}

fn lanes(html: &mut Html, parties: &[(MemberId, String)], height: usize, language: Language) {
    let others = either(language, "自動処理など", "Policies");
    let names = parties.iter().map(|(_, name)| name.as_str());
    for (lane, name) in names.chain([others]).enumerate() {
        let short: String = name.chars().take(LANE_CHARS_MAX).collect();
        html.raw("<text x=\"")
            .number(x(lane))
            .raw("\" y=\"16\" text-anchor=\"middle\">");
        html.text(&short)
            .raw("</text><line class=\"lane\" x1=\"")
            .number(x(lane));
        html.raw("\" y1=\"22\" x2=\"")
            .number(x(lane))
            .raw("\" y2=\"")
            .number(height - 4);
        html.raw("\"/>\n");
    }
}

/// An arrow from what led to an event; a dashed line between events of one and the same command.
fn arrows(html: &mut Html, nodes: &[Option<Node>]) {
    let mut last_of: HashMap<Uuid, (usize, usize)> = HashMap::new();
    let mut of_command: HashMap<Uuid, (usize, usize)> = HashMap::new();
    for (row, node) in nodes.iter().enumerate() {
        let Some(node) = node else { continue };
        let here = (node.lane, row);
        if let Some(causation) = node.causation {
            if let Some(from) = last_of.get(&causation) {
                line(
                    html,
                    "<path class=\"led\" marker-end=\"url(#arrow)\" d=\"M",
                    *from,
                    here,
                );
            } else if let Some(from) = of_command.insert(causation, here) {
                line(html, "<path class=\"same\" d=\"M", from, here);
            }
        }
        last_of.insert(node.id, here);
    }
}

/// A line from one node to another, bent so that it passes beside those in between.
fn line(html: &mut Html, begin: &'static str, from: (usize, usize), to: (usize, usize)) {
    let bend = if from.0 == to.0 {
        x(from.0) - 36
    } else {
        x(from.0).midpoint(x(to.0))
    };
    let (start, end) = (y(from.1) + 6, y(to.1) - 7);
    html.raw(begin)
        .number(x(from.0))
        .raw(" ")
        .number(start)
        .raw(" C")
        .number(bend);
    html.raw(" ")
        .number(start + 10)
        .raw(" ")
        .number(bend)
        .raw(" ")
        .number(end.max(12) - 10);
    html.raw(" ")
        .number(x(to.0))
        .raw(" ")
        .number(end)
        .raw("\"/>\n");
}
