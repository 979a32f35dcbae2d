//! The two READMEs of a bundle: what it is, and how anyone checks it.

use std::fmt::Write as _;

use crate::bundle::{Evidence, Kept};

/// How many sections are disclosed.
fn disclosed(evidence: &Evidence) -> usize {
    let events = evidence.events.iter().map(|event| match &event.kept {
        Kept::Whole { disclosed, .. } => disclosed.len(),
        Kept::Redacted { .. } => 0,
    });
    events.sum()
}

/// The sections that were erased, a line each, below this heading; nothing where there are none.
fn erased(evidence: &Evidence, heading: &str) -> String {
    let mut text = String::new();
    for (number, (position, section)) in evidence.erased.iter().enumerate() {
        if number == 0 {
            text = format!("\n{heading}\n\n");
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- `events/{position}` {section}");
    }
    text
}

pub(crate) fn japanese(evidence: &Evidence) -> String {
    let Evidence {
        about, events, key, ..
    } = evidence;
    let (events, disclosed) = (events.len(), disclosed(evidence));
    let erased = erased(
        evidence,
        "次の部分は消去されました。鍵が破棄されたため、もう誰にも開けません（`erasures/` に記録があります）。",
    );
    format!(
        "\
# 証拠バンドル: {about}

出来事 {events} 件の記録です。封印された部分のうち {disclosed} 件を開示しています。
{erased}
## 確かめ方

Python 3 と openssl だけで確かめられます。検証鍵は、このバンドルからではなく、運営の公開ページなど別の
経路で手に入れてください（自分の鍵で確かめたバンドルは、何の証明にもなりません）。

    python3 verify.py --key '{}+…'

終了コードは 0 が正しい、1 が指摘あり、2 が判断できない、です。`--of {about}` を付けると、
別の対象のバンドルとすり替わっていないことも確かめます。

## 中身

- `events/<位置>.header` 出来事の記録そのもの、`.blind` それを隠していた乱数
- `events/<位置>.<部分>.json` 開示された文、`.salt` その約束値を作った乱数
- `events/<位置>.proof` チェックポイントまでのハッシュの道（base64、一行に一つ）
- `events/<位置>.entry` 抹消された出来事の、公開されている部分
- `erasures/` 開示できない部分の鍵が破棄されたこと、または出来事が抹消されたことの記録
- `checkpoint` 署名されたチェックポイント、`key` 署名した鍵、`SHA256SUMS` 全ファイルの要約値

## 分かることと分からないこと

どの出来事も署名された記録のその位置にあり、記録のときから一字も変わっていません。開示された文は、
そのとき書かれたものです。この後に何が起きたか、書かれたことが本当かどうかは、分かりません。
",
        key.name()
    )
}

pub(crate) fn english(evidence: &Evidence) -> String {
    let Evidence {
        about, events, key, ..
    } = evidence;
    let (events, disclosed) = (events.len(), disclosed(evidence));
    let erased = erased(
        evidence,
        "These sections were erased: their keys are destroyed, as `erasures/` shows, so that \
         nobody can open them any more.",
    );
    format!(
        "\
# Evidence bundle: {about}

The record of {events} events. Of their sealed sections, {disclosed} are disclosed.
{erased}
## How to check it

Python 3 and openssl are enough. Take the verifier key from elsewhere than this bundle, such as the
operator's public page: a bundle that is checked by its own key proves nothing.

    python3 verify.py --key '{}+…'

It exits with 0 where the bundle is sound, with 1 where something is wrong, and with 2 where it
cannot tell. `--of {about}` also checks
that this is not the bundle of something else.

## What is in it

- `events/<position>.header`: the record of an event; `.blind`: the random bytes that hid it
- `events/<position>.<section>.json`: a disclosed text; `.salt`: what it was committed to with
- `events/<position>.proof`: the path of hashes to the checkpoint, base64, one a line
- `events/<position>.entry`: what is public of an event that was redacted
- `erasures/`: the record that keys of closed sections were destroyed, or events redacted
- `checkpoint`: the signed checkpoint; `key`: who signed it; `SHA256SUMS`: sums of all files

## What it proves and what it does not

Every event stands at its place in the log that was signed, and not one letter of it was changed
since. Disclosed texts are what was written then. What happened afterwards, and whether what was
written is true, it does not tell.
",
        key.name()
    )
}
