//! Operators look after the words of search; nobody else does.

use meguri_domain::role::{MEMBER, OPERATOR};
use serde_json::json;

use meguri_test_community::{World, on_both_backends};

use crate::http::{Answered, Call, app};

/// A word, as a path has it.
const OSHIKATSU: &str = "/api/operator/search/words/%E6%8E%A8%E3%81%97%E6%B4%BB";
const PC: &str = "/api/operator/search/synonyms/1";

async fn token(world: &World, subject: &str, role: &str) -> String {
    let vault = world.commands.log().vault();
    vault.issue_token(subject, role).await.unwrap()
}

fn version(answered: &Answered) -> u64 {
    answered.body["version"].as_u64().unwrap()
}

on_both_backends! {
    async fn an_operator_changes_words_and_synonyms(world: &World) {
        let operator = token(world, "operator-yuki", OPERATOR).await;
        let app = app(world);
        let send = async |method, path, body| -> Answered {
            Call::new(method, path).by(&operator).body(body).send(&app).await
        };
        let added = send("PUT", OSHIKATSU, json!({"reading": "おしかつ"})).await;
        assert_eq!((added.status.as_u16(), version(&added)), (200, 1));
        let grouped = send("PUT", PC, json!({"words": ["PC", "パソコン"]})).await;
        assert_eq!((grouped.status.as_u16(), version(&grouped)), (200, 2));
        let again = send("PUT", PC, json!({"words": ["PC", "パソコン"]})).await;
        assert_eq!((again.status.as_u16(), version(&again)), (200, 2));
        let other = "/api/operator/search/synonyms/2";
        let overlapping = send("PUT", other, json!({"words": ["PC", "計算機"]})).await;
        assert_eq!(overlapping.status, 422);
        assert_eq!(overlapping.text("type"), "/problems/in-another-group");
        let no_reading = send("PUT", OSHIKATSU, json!({"reading": "推し"})).await;
        assert_eq!(no_reading.status, 400);
        for path in [OSHIKATSU, PC] {
            let removed = Call::new("DELETE", path).by(&operator).send(&app).await;
            assert_eq!(removed.status, 200, "{path}");
            let again = Call::new("DELETE", path).by(&operator).send(&app).await;
            assert_eq!(again.text("type"), "/problems/not-in-the-vocabulary");
        }
        assert_eq!(
            world.types_in("vocabulary-search").await,
            [
                "VocabularyWordAdded",
                "SynonymsGrouped",
                "VocabularyWordRemoved",
                "SynonymsUngrouped",
            ]
        );
    }
}

#[tokio::test]
async fn nobody_else_changes_the_vocabulary() {
    let world = World::on_sqlite().await;
    let member = token(
        &world,
        "member-0192f0c0-0000-7000-8000-000000000001",
        MEMBER,
    )
    .await;
    let body = json!({"words": ["PC", "パソコン"]});
    let refused = Call::new("PUT", PC).by(&member).body(body.clone());
    assert_eq!(refused.send(&app(&world)).await.status, 403);
    let unknown = Call::new("PUT", PC).body(body);
    assert_eq!(unknown.send(&app(&world)).await.status, 401);
    assert!(world.types_in("vocabulary-search").await.is_empty());
}
