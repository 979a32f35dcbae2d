//! A refusal is decided from what the log holds now, and costs no more than an acceptance: nothing
//! of a stream is read twice, however long it is.

use meguri_commands::{Caller, Cancellation, CommandError, Commands, NewMessage, NewThanks};
use meguri_events::ExchangeId;
use meguri_log::{Location, Version};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use meguri_test_community::{World, code, on_both_backends};

/// Makes the first event of a stream unreadable: whoever reads the stream from its beginning fails.
async fn break_the_beginning(world: &World, stream: &str) {
    let broken = |header: &str| {
        format!("update events set header = {header} where stream = '{stream}' and version = 1")
    };
    let changed = match &world.location {
        Location::Sqlite { log, .. } => {
            let url = format!("sqlite:{}", log.display());
            let pool = SqlitePool::connect(&url).await.unwrap();
            let guard = "drop trigger events_are_never_changed";
            sqlx::query(guard).execute(&pool).await.unwrap();
            let update = AssertSqlSafe(broken("cast('{}' as blob)"));
            sqlx::query(update)
                .execute(&pool)
                .await
                .unwrap()
                .rows_affected()
        }
        Location::Postgres { log, .. } => {
            let pool = PgPool::connect(log).await.unwrap();
            let guard = "alter table events disable trigger user";
            sqlx::query(guard).execute(&pool).await.unwrap();
            let update = AssertSqlSafe(broken("convert_to('{}', 'UTF8')"));
            sqlx::query(update)
                .execute(&pool)
                .await
                .unwrap()
                .rows_affected()
        }
    };
    assert_eq!(changed, 1);
}

fn words() -> NewMessage {
    NewMessage {
        text: "はい".to_owned(),
        keep_negotiating: true,
        terms_version: None,
    }
}

/// An exchange in progress, in which a hundred messages were written.
async fn room(world: &World, aki: &Caller, haru: &Caller) -> ExchangeId {
    let exchange = world.started(aki, haru).await;
    for _ in 0..50 {
        world
            .commands
            .post_message(aki, exchange, words())
            .await
            .unwrap();
        world
            .commands
            .post_message(haru, exchange, words())
            .await
            .unwrap();
    }
    exchange
}

async fn cancelled(commands: &Commands, by: &Caller, exchange: ExchangeId) -> &'static str {
    code(commands.cancel(by, exchange, Cancellation::default()).await)
}

on_both_backends! {
    async fn a_refusal_reads_nothing_of_a_stream_that_has_not_moved(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = room(world, &aki, &haru).await;
        break_the_beginning(world, &exchange.stream()).await;
        for _ in 0..3 {
            assert_eq!(cancelled(&world.commands, &aki, exchange).await, "not-negotiating");
        }
        // What has nothing to do is proven in the same way.
        world.commands.report_completion(&aki, exchange).await.unwrap();
        world.commands.report_completion(&aki, exchange).await.unwrap_err();
        let other = world.another_process().await;
        let unreadable = other.cancel(&aki, exchange, Cancellation::default()).await;
        assert!(!matches!(unreadable, Ok(_) | Err(CommandError::Refused(_))), "{unreadable:?}");
    }

    async fn what_others_wrote_since_is_read_and_nothing_before_it(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = room(world, &aki, &haru).await;
        let other = world.another_process().await;
        other.post_message(&haru, exchange, words()).await.unwrap();
        break_the_beginning(world, &exchange.stream()).await;
        // Refused here, where ten more messages are not known yet; and accepted, which is a
        // conflict at first.
        for _ in 0..10 {
            other.post_message(&haru, exchange, words()).await.unwrap();
            assert_eq!(cancelled(&world.commands, &aki, exchange).await, "not-negotiating");
            other.post_message(&haru, exchange, words()).await.unwrap();
            world.commands.post_message(&aki, exchange, words()).await.unwrap();
        }
    }

    async fn what_another_process_made_right_is_not_refused_any_more(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.requested(&aki, &haru).await;
        let other = world.another_process().await;
        let thanks = || NewThanks { words: None };
        let early = world.commands.send_thanks(&haru, exchange, thanks()).await;
        assert!(early.is_err(), "it is not agreed yet");
        let terms = meguri_commands::Agreement { terms_version: 0 };
        other.agree(&aki, exchange, terms).await.unwrap();
        other.report_completion(&aki, exchange).await.unwrap();
        world.commands.send_thanks(&haru, exchange, thanks()).await.unwrap();
        // And refused, when another process had done it already.
        let again = other.send_thanks(&haru, exchange, thanks()).await;
        assert_eq!(code(again), "already-thanked");
        let types = world.types_in(&exchange.stream()).await;
        let stream = exchange.stream().parse().unwrap();
        let head = world.log().stream_head(&stream).await.unwrap();
        assert_eq!(head, Version::new(types.len() as u64));
    }
}
