//! One exchange from posting to thanks, as the list of commands that two members send.

use serde_json::{Value, json};

/// Which of the two sends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The member who needs help.
    Poster,
    /// The member who helps.
    Helper,
}

/// A command: who sends it, where to, and what.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) sender: Sender,
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// How many commands the story has.
pub(crate) const STEPS: usize = 10;

/// The command at this place of the story. `need` and `exchange` are the ids which the first two
/// have answered; before that they are not looked at.
pub(crate) fn step(number: usize, need: &str, exchange: &str) -> Step {
    use Sender::{Helper, Poster};
    let room = |act: &str| format!("exchanges/{exchange}/{act}");
    let (sender, path, body) = match number {
        0 => (Poster, "needs".into(), a_need()),
        1 => (
            Helper,
            format!("needs/{need}/applications"),
            json!({"message": "お手伝いできます", "mode": "online"}),
        ),
        2 => (
            Poster,
            room("messages"),
            json!({"text": "ありがとうございます。いつがよいですか", "keep_negotiating": true}),
        ),
        3 => (
            Helper,
            room("terms"),
            json!({"what": "パソコンの設定", "when": "土曜の午後", "mode": "online"}),
        ),
        4 => (Poster, room("agreement"), json!({"terms_version": 1})),
        5 => (Helper, room("completion"), json!({})),
        6 => (
            Poster,
            room("thanks"),
            json!({"words": "とても助かりました"}),
        ),
        7 => (Poster, room("completion"), json!({})),
        8 => (
            Poster,
            room("evaluation"),
            json!({"words": "説明が丁寧でした"}),
        ),
        9 => (
            Helper,
            room("evaluation"),
            json!({"words": "準備をしてくださいました"}),
        ),
        _ => panic!("the story has {STEPS} steps"),
    };
    Step { sender, path, body }
}

fn a_need() -> Value {
    json!({
        "title": "パソコンの設定を手伝ってください",
        "description": "新しいパソコンにプリンターをつなぎたいのですが、うまくいきません。",
        "category": "tech", "tags": ["パソコン", "プリンター"],
        "prefecture": 13, "city": "世田谷区",
        "online": true, "offline": false, "no_return_needed": true,
    })
}
