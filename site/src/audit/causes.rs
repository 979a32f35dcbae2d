//! What led to what, as a picture: a lane for each party, an arrow from each event to those that it
//! caused.

use std::collections::HashMap;

use meguri_events::MemberId;
use meguri_http::Language;
use meguri_read_api::audit::Step;
use uuid::Uuid;

use super::words::{self, either};

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

/// The picture, as the template draws it; all numbers are pixels.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Where the names of events begin.
    pub(super) names: usize,
    pub(super) lanes: Vec<Lane>,
    pub(super) lines: Vec<Line>,
    pub(super) events: Vec<Dot>,
}

/// The lane of a party, or of everybody else.
pub(super) struct Lane {
    pub(super) x: usize,
    pub(super) name: String,
}

/// A line from one event to another.
pub(super) struct Line {
    /// From what led to an event; otherwise between events of one and the same command.
    pub(super) led: bool,
    pub(super) path: String,
}

/// An event.
pub(super) struct Dot {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) position: String,
    pub(super) what: String,
}

/// One event as the picture has it.
struct Node {
    lane: usize,
    id: Uuid,
    causation: Option<Uuid>,
}

impl Picture {
    /// Draws these events. The lanes are those of the two parties, given with their names, and one
    /// for everybody else.
    pub(super) fn of(steps: &[Step], parties: &[(MemberId, String)], language: Language) -> Self {
        let nodes: Vec<Option<Node>> = steps.iter().map(|step| node(step, parties)).collect();
        let others = either(language, "自動処理など", "Policies");
        let names = parties.iter().map(|(_, name)| name.as_str());
        let lanes = names.chain([others]).enumerate().map(|(lane, name)| Lane {
            x: x(lane),
            name: name.chars().take(LANE_CHARS_MAX).collect(),
        });
        let dots = steps.iter().zip(&nodes).enumerate();
        let dots = dots.map(|(row, (step, node))| Dot {
            x: x(node.as_ref().map_or(2, |node| node.lane)),
            y: y(row),
            position: step.entry.position.to_string(),
            what: words::event_type(&step.entry.event_type, language).to_owned(),
        });
        Self {
            width: WIDTH,
            height: (steps.len() + 1) * ROW + 10,
            names: NAMES,
            lanes: lanes.collect(),
            events: dots.collect(),
            lines: lines(&nodes),
        }
    }
}

fn node(step: &Step, parties: &[(MemberId, String)]) -> Option<Node> {
    let said = step.entry.said.as_ref()?;
    let actor = MemberId::from_stream(&said.actor);
    let lane = parties.iter().position(|(party, _)| Some(*party) == actor);
    Some(Node {
        lane: lane.unwrap_or(2),
        id: said.id,
        causation: said.causation,
    })
}

const fn x(lane: usize) -> usize {
    LEFT + lane * LANE
}

const fn y(row: usize) -> usize {
    (row + 1) * ROW + 6
}

/// An arrow from what led to an event; a dashed line between events of one and the same command.
fn lines(nodes: &[Option<Node>]) -> Vec<Line> {
    let mut last_of: HashMap<Uuid, (usize, usize)> = HashMap::new();
    let mut of_command: HashMap<Uuid, (usize, usize)> = HashMap::new();
    let mut lines = Vec::new();
    for (row, node) in nodes.iter().enumerate() {
        let Some(node) = node else { continue };
        let here = (node.lane, row);
        if let Some(causation) = node.causation {
            if let Some(from) = last_of.get(&causation) {
                lines.push(line(true, *from, here));
            } else if let Some(from) = of_command.insert(causation, here) {
                lines.push(line(false, from, here));
            }
        }
        last_of.insert(node.id, here);
    }
    lines
}

/// A line from one node to another, bent so that it passes beside those in between.
fn line(led: bool, from: (usize, usize), to: (usize, usize)) -> Line {
    let bend = if from.0 == to.0 {
        x(from.0) - 36
    } else {
        x(from.0).midpoint(x(to.0))
    };
    let (start, end) = (y(from.1) + 6, y(to.1) - 7);
    let (from, to, down, up) = (x(from.0), x(to.0), start + 10, end.max(12) - 10);
    let path = format!("M{from} {start} C{bend} {down} {bend} {up} {to} {end}");
    Line { led, path }
}
