//! Evidence of an exchange that a court had something taken out of: it says what, and by which
//! order, and is sound as long as it holds the events that say so.

use meguri_evidence::Files;
use meguri_postgres_cluster::shared;

use super::evidence::{House, files};
use super::proofs::{checkpoint, verifier};
use crate::support::server::Installation;

#[tokio::test]
async fn evidence_tells_what_was_redacted_and_by_which_order_on_sqlite() {
    evidence_tells_what_was_redacted_and_by_which_order(Installation::on_sqlite()).await;
}

#[tokio::test]
async fn evidence_tells_what_was_redacted_and_by_which_order_on_postgresql() {
    let database = || shared().unwrap().create_database().unwrap();
    let installation = Installation::on_databases(database);
    evidence_tells_what_was_redacted_and_by_which_order(installation).await;
}

async fn evidence_tells_what_was_redacted_and_by_which_order(installation: Installation) {
    let house = House::lived_in(installation).await;
    let exchange = &house.exchanges[0];
    let before = files(&house.bundle(exchange, "before.zip", &[]));
    let positions = positions_in(&before, "events/");
    let [post, _, message] = positions[..] else {
        panic!("the post, the opening, the message: {positions:?}");
    };
    // The message is told of in the exchange; the post in its own stream, after the opening.
    let (message_told, post_told) = (house.redacted(message), house.redacted(post));
    checkpoint(
        house.server.api(),
        &verifier(&house.installation),
        post_told,
    )
    .await;

    let bundle = house.bundle(exchange, "redacted.zip", &[]);
    let (code, said) = house.verified(&bundle);
    assert_eq!(code, 0, "{said}");
    for (position, told) in [(message, message_told), (post, post_told)] {
        let english = format!("position {position}, as position {told} says, order 2026-wa-1234;");
        assert!(said.contains(&english), "{said}");
        let japanese = format!("位置 {position}（位置 {told} の記録、命令 2026-wa-1234）");
        assert!(said.contains(&japanese), "{said}");
    }
    // What is left are the title and the words of the opening.
    assert!(said.contains("0 disclosed, 2 closed, 0 erased"), "{said}");
    let taken = house.taken(&house.taro.token, &[("disclose", "all")]).await;
    let said = house.said_of(taken).await;
    assert!(said.contains("1 disclosed, 1 closed, 0 erased"), "{said}");
    assert!(
        said.contains(&format!("Redacted: position {message}, as ")),
        "{said}"
    );

    let whole = files(&bundle);
    assert_eq!(positions_in(&whole, "erasures/"), [post_told]);
    for (told, redacted) in [
        (format!("events/{message_told}."), message),
        (format!("erasures/{post_told}."), post),
    ] {
        let (code, said) = house.verified_without(&whole, &told);
        assert_eq!(code, 2, "nothing accounts for {redacted}: {said}");
        assert!(
            said.contains(&format!("redacted: events/{redacted}\n")),
            "{said}"
        );
        let (code, said) = house.verified_without(&whole, &format!("{told}proof"));
        assert_eq!(code, 1, "it is there, and not proven: {said}");
    }
}

/// Where the events in a folder of a bundle stand.
fn positions_in(files: &Files, folder: &str) -> Vec<u64> {
    let names = files
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(folder));
    let proofs = names.filter_map(|name| name.strip_suffix(".proof"));
    let mut positions: Vec<u64> = proofs.map(|position| position.parse().unwrap()).collect();
    positions.sort_unstable();
    positions
}

impl House {
    /// Redacts an event, and says at which position that is told.
    fn redacted(&self, position: u64) -> u64 {
        let (position, order) = (position.to_string(), "2026-wa-1234");
        let arguments = [
            "audit", "redact", &position, "--reason", order, "--by", "keiko",
        ];
        let said = self.installation.run(&arguments);
        let (_, told) = said.split_once("said at position ").unwrap();
        told.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What is said of a bundle without files whose names begin so, which nothing lists then.
    fn verified_without(&self, whole: &Files, prefix: &str) -> (i32, String) {
        let mut files = whole.clone();
        let names = whole.iter().map(|(name, _)| name);
        for name in names.filter(|name| name.starts_with(prefix)) {
            files.remove(name).unwrap();
        }
        let sums = String::from_utf8(files.remove("SHA256SUMS").unwrap()).unwrap();
        let listed = |line: &&str| !line.split("  ").nth(1).unwrap().starts_with(prefix);
        let sums: Vec<&str> = sums.lines().filter(listed).collect();
        let sums = format!("{}\n", sums.join("\n"));
        files
            .add("SHA256SUMS".to_owned(), sums.into_bytes())
            .unwrap();
        let path = self.installation.folder().join("without.zip");
        std::fs::write(&path, files.to_zip().unwrap()).unwrap();
        self.verified(&path)
    }
}
