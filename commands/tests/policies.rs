//! Policies: they follow the log, can stop anywhere, and do everything once (H01, H44).

use std::sync::atomic::{AtomicUsize, Ordering};

use meguri_commands::policies::{self, Clock, ParkedDuty, Runner, Undone, run};
use meguri_commands::{Caller, NewMessage};
use meguri_domain::FollowUpPeriods;
use meguri_events::{CompletionReported, Event, ExchangeId, MemberId, Timestamp};
use meguri_test_logs::append_raw;
use sqlx::Connection as _;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use meguri_test_community::{World, code, interrupted_after, new_post, on_both_backends};

/// A runner of its own folder, as another process would have.
async fn runner(world: &World) -> Runner {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let folder = FOLDERS.fetch_add(1, Ordering::Relaxed).to_string();
    Runner::open(world.commands.clone(), &world.dir().join(folder))
        .await
        .unwrap()
}

/// This moment, and the periods that the policies of this world wait for.
fn clock(world: &World) -> Clock {
    Clock {
        now: world.log().clock().now(),
        periods: FollowUpPeriods::default(),
    }
}

async fn settle(runner: &mut Runner) {
    while runner.step().await.unwrap() > 0 {}
}

async fn one_sided(world: &World) -> (ExchangeId, Caller, Caller) {
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let exchange = world.started(&aki, &haru).await;
    world
        .commands
        .report_completion(&aki, exchange)
        .await
        .unwrap();
    (exchange, aki, haru)
}

/// What a member has running who then leaves.
async fn leaving(world: &World) -> (Caller, Vec<ExchangeId>) {
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let natsu = world.member("natsu").await;
    world
        .commands
        .post_need(&aki, new_post("草むしり"))
        .await
        .unwrap();
    let exchanges = vec![
        world.requested(&aki, &haru).await,
        world.started(&aki, &natsu).await,
        world.started(&haru, &aki).await,
        world.started(&haru, &natsu).await,
    ];
    world.commands.leave(&aki).await.unwrap();
    (aki, exchanges)
}

async fn assert_all_ended(world: &World, exchanges: &[ExchangeId]) {
    let mut last = Vec::new();
    for exchange in exchanges {
        last.extend(world.types_in(&exchange.stream()).await.pop());
    }
    let untouched = "ExchangeStarted";
    assert_eq!(
        last,
        [
            "ExchangeCancelled",
            "ExchangeAborted",
            "ExchangeAborted",
            untouched
        ]
    );
    assert_eq!(world.count("NeedClosed").await, 1);
    assert_eq!(
        world.count("OfferClosed").await,
        2,
        "the leaver's, and nobody else's"
    );
    assert_eq!(world.count("ExchangeCancelled").await, 1);
    assert_eq!(world.count("ExchangeAborted").await, 2);
}

/// An event that nobody can read, or one that nobody has decided on.
async fn raw(world: &World, stream: &str, event_type: &str, schema: u32, data: String) {
    append_raw(world.log(), stream, event_type, schema, &data).await;
}

/// A one-sided report in an exchange whose stream no command can read.
async fn broken_exchange(world: &World, reported: &CompletionReported) {
    let exchange = ExchangeId::new(Uuid::now_v7());
    let reported = Event::from(CompletionReported {
        exchange,
        ..reported.clone()
    });
    let encoded = reported.encode().unwrap();
    let stream = exchange.stream();
    raw(world, &stream, "CompletionReported", 1, encoded.data).await;
    raw(world, &stream, "MessagePosted", 999, "{}".to_owned()).await;
}

on_both_backends! {
    async fn what_is_going_to_be_done_is_listed_with_its_moment(world: &World) {
        let (exchange, _, haru) = one_sided(world).await;
        let reported = world.log().clock().now();
        let dir = world.dir().join("coming");
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        let coming = async || policies::undone(&dir, clock(world)).await.unwrap().unwrap().coming;
        let days = |at: Option<meguri_log::Timestamp>| {
            at.map(|at| (at.micros() - reported.micros()) / 86_400_000_000)
        };
        let told = coming().await;
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.policy, it.action.as_str(), it.target.clone(), days(it.at)))
            .collect();
        let stream = exchange.stream();
        assert_eq!(
            told,
            [
                ("completion", "remind", stream.clone(), Some(7)),
                ("completion", "complete", stream, Some(14)),
            ]
        );
        let for_whom = coming().await.remove(0).member;
        assert_eq!(for_whom, haru.id().unwrap());
        // Once it is done, nobody waits for it any more.
        world.pass_days(15);
        settle(&mut runner).await;
        assert_eq!(coming().await, []);
    }

    async fn duties_that_fail_for_ever_hide_no_other_and_are_listed_with_their_reason(
        world: &World
    ) {
        const FAILING: usize = 130;
        let reported = CompletionReported {
            exchange: ExchangeId::new(Uuid::now_v7()),
            by: MemberId::new(Uuid::now_v7()),
            partner: MemberId::new(Uuid::now_v7()),
            reported_at: Timestamp::from_micros(world.log().clock().now().micros()),
        };
        for _ in 0..FAILING {
            broken_exchange(world, &reported).await;
        }
        world.pass_days(1);
        one_sided(world).await;
        world.pass_days(20);
        let dir = world.dir().join("failing");
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        settle(&mut runner).await;
        assert_eq!(world.count("ExchangeCompleted").await, 1, "it is hidden by the others");
        let undone = policies::undone(&dir, clock(world)).await.unwrap().unwrap();
        assert_eq!(undone.parked.len(), FAILING);
        let parked = &undone.parked[0];
        assert_eq!((parked.policy.as_str(), parked.kind.as_str()), ("completion", "complete"));
        assert_eq!(parked.tries, 1);
        assert!(!parked.reason.is_empty());

        // Each is tried again, later each time, also by a process that comes after.
        runner.close().await;
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        let tries = |undone: &Undone| undone.parked.iter().map(|duty| duty.tries).max();
        let undone = policies::undone(&dir, clock(world)).await.unwrap().unwrap();
        assert_eq!(tries(&undone), Some(1), "it is not its time yet");
        world.clock.advance_seconds(31);
        settle(&mut runner).await;
        settle(&mut runner).await;
        let undone = policies::undone(&dir, clock(world)).await.unwrap().unwrap();
        assert_eq!(undone.parked.len(), FAILING);
        assert_eq!(tries(&undone), Some(2));
        let wait = |duty: &ParkedDuty| duty.again_at.micros() - world.log().clock().now().micros();
        assert!(undone.parked.iter().any(|duty| wait(duty) > 31_000_000), "it waits no longer");
    }

    async fn an_event_that_cannot_be_read_stops_no_policy_and_is_listed(world: &World) {
        let (exchange, ..) = one_sided(world).await;
        raw(world, &exchange.stream(), "CompletionReminded", 999, "{}".to_owned()).await;
        let natsu = world.member("natsu").await;
        world.commands.post_need(&natsu, new_post("草むしり")).await.unwrap();
        world.commands.leave(&natsu).await.unwrap();
        let dir = world.dir().join("unreadable");
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        assert_eq!(world.count("NeedClosed").await, 1, "what came after is followed up");
        let undone = policies::undone(&dir, clock(world)).await.unwrap().unwrap();
        assert_eq!(undone.unreadable.len(), 1);
        assert_eq!(undone.unreadable[0].event_type, "CompletionReminded");
        runner.close().await;
        // Perhaps another release can read it: the next start tries.
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        let undone = policies::undone(&dir, clock(world)).await.unwrap().unwrap();
        assert_eq!(undone.unreadable.len(), 1);
    }

    async fn who_left_is_locked_out_whatever_bit_of_the_book_has_turned_h01(world: &World) {
        let password = meguri_commands::Password::new("おだやかな朝のひかり");
        let new = meguri_test_community::new_member("aki");
        let aki = world.commands.register_with_password(new, &password, None).await.unwrap();
        let caller = Caller::member(MemberId::new(aki.done.id()));
        world.commands.leave(&caller).await.unwrap();
        let dir = world.dir().join("turned");
        // It has heard that they left, and was stopped before it did anything about it.
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        let _ = interrupted_after(12, runner.step()).await;
        runner.close().await;
        let mut files = tokio::fs::read_dir(dir.join("policies")).await.unwrap();
        let mut book = None;
        while let Some(file) = files.next_entry().await.unwrap() {
            let is_book = file.path().extension().is_some_and(|it| it == "sqlite");
            book = book.or(is_book.then(|| file.path()));
        }
        let book = book.unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&book);
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(
            "update folded set position = 1000; update departed set locked_out = 1; \
             delete from departed",
        )
        .execute(&mut other)
        .await
        .unwrap();
        other.close().await.unwrap();
        settle(&mut Runner::open(world.commands.clone(), &dir).await.unwrap()).await;
        let holder = world.log().vault().token_holder(&aki.token).await.unwrap();
        assert_eq!(holder, None, "who left keeps a valid token");
    }

    async fn a_book_that_is_damaged_while_it_is_used_is_folded_anew(world: &World) {
        let dir = world.dir().join("used");
        let mut runner = Runner::open(world.commands.clone(), &dir).await.unwrap();
        settle(&mut runner).await;
        one_sided(world).await;
        let mut files = tokio::fs::read_dir(dir.join("policies")).await.unwrap();
        while let Some(file) = files.next_entry().await.unwrap() {
            if file.path().extension().is_some_and(|it| it == "sqlite") {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file.path());
                let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                let drop = sqlx::raw_sql("drop table reported; drop table held");
                drop.execute(&mut other).await.unwrap();
                other.close().await.unwrap();
            }
        }
        world.pass_days(14);
        settle(&mut runner).await;
        settle(&mut runner).await;
        assert_eq!(world.count("ExchangeCompleted").await, 1);
    }

    async fn the_silent_party_is_reminded_after_7_days_and_done_after_14_h44(world: &World) {
        let (exchange, ..) = one_sided(world).await;
        let mut runner = runner(world).await;
        world.pass_days(6);
        settle(&mut runner).await;
        assert_eq!(world.count("CompletionReminded").await, 0);
        world.pass_days(1);
        settle(&mut runner).await;
        settle(&mut runner).await;
        assert_eq!(world.count("CompletionReminded").await, 1);
        world.pass_days(6);
        settle(&mut runner).await;
        assert_eq!(world.count("ExchangeCompleted").await, 0);
        world.pass_days(1);
        settle(&mut runner).await;
        settle(&mut runner).await;
        let types = world.types_in(&exchange.stream()).await;
        assert_eq!(types[types.len() - 2..], ["CompletionReminded", "ExchangeCompleted"]);
        let actors = world.types().await;
        let by = actors.iter().find(|(event_type, _)| event_type == "ExchangeCompleted");
        assert_eq!(by.unwrap().1, "policy-completion", "recorded as done by the policy");
    }

    async fn what_a_policy_does_says_for_whom_and_because_of_what(world: &World) {
        let (_, _, haru) = one_sided(world).await;
        let mut runner = runner(world).await;
        world.pass_days(14);
        settle(&mut runner).await;
        let all = meguri_log::Filter::default();
        let block = world.log().read_all(meguri_log::Position::ZERO, &all, 1_000).await.unwrap();
        let headers: Vec<_> =
            block.events.iter().map(|event| event.header().unwrap().unwrap()).collect();
        let find = |event_type: &str| {
            headers.iter().find(|header| header.event_type == event_type).unwrap()
        };
        let (reported, completed) = (find("CompletionReported"), find("ExchangeCompleted"));
        assert_eq!(completed.causation, Some(reported.id));
        assert_eq!(completed.correlation, reported.correlation);
        assert_eq!(completed.acting_for, Some(haru.id().unwrap().stream().as_str()));
    }

    async fn who_reports_in_time_is_left_alone_h44(world: &World) {
        let (exchange, _, haru) = one_sided(world).await;
        let mut runner = runner(world).await;
        settle(&mut runner).await;
        world.commands.report_completion(&haru, exchange).await.unwrap();
        world.pass_days(30);
        settle(&mut runner).await;
        assert_eq!(world.count("CompletionReminded").await, 0);
        assert_eq!(world.count("ExchangeCompleted").await, 1);
    }

    async fn who_leaves_closes_the_posts_and_ends_the_exchanges_h01(world: &World) {
        let (aki, exchanges) = leaving(world).await;
        settle(&mut runner(world).await).await;
        assert_all_ended(world, &exchanges).await;
        let message = NewMessage {
            text: "まだいます".to_owned(),
            keep_negotiating: false,
            terms_version: Some(0),
        };
        let refused = world.commands.post_message(&aki, exchanges[0], message).await;
        assert_eq!(code(refused), "member-has-left");
    }

    async fn who_has_left_has_no_token_and_no_password_h01(world: &World) {
        let password = meguri_commands::Password::new("おだやかな朝のひかり");
        let new = meguri_test_community::new_member("aki");
        let aki = world.commands.register_with_password(new, &password, None).await.unwrap();
        let caller = Caller::member(meguri_events::MemberId::new(aki.done.id()));
        world.commands.leave(&caller).await.unwrap();
        let refused = world.commands.log_in("aki", &password).await;
        assert_eq!(refused, Err(meguri_commands::CommandError::WrongCredentials));
        settle(&mut runner(world).await).await;
        let vault = world.log().vault();
        assert_eq!(vault.token_holder(&aki.token).await.unwrap(), None);
        assert_eq!(vault.password_hash(aki.done.stream.as_str()).await.unwrap(), None);
        // The address is free again, the user name never is (K23).
        let mut again = meguri_test_community::new_member("aki");
        assert_eq!(code(world.commands.register(again.clone(), None).await), "user-name-taken");
        "aki2".clone_into(&mut again.user_name);
        world.commands.register(again, None).await.unwrap();
    }

    async fn a_runner_that_is_killed_anywhere_doubles_nothing_and_loses_nothing(world: &World) {
        let (_, exchanges) = leaving(world).await;
        let dir = world.dir().join("killed");
        for crash in 0..40 {
            let crashing = world.another_process().await;
            let mut runner = Runner::open(crashing, &dir).await.unwrap();
            let _ = interrupted_after(crash * 2, runner.step()).await;
            drop(runner);
            if crash % 10 == 9 {
                tokio::fs::remove_dir_all(&dir).await.unwrap();
            }
        }
        settle(&mut Runner::open(world.commands.clone(), &dir).await.unwrap()).await;
        assert_all_ended(world, &exchanges).await;
    }

    async fn two_runners_at_once_double_nothing(world: &World) {
        let (_, exchanges) = leaving(world).await;
        let (mut one, mut two) = (runner(world).await, runner(world).await);
        tokio::join!(settle(&mut one), settle(&mut two));
        assert_all_ended(world, &exchanges).await;
    }

    async fn two_runners_with_one_book_double_nothing(world: &World) {
        one_sided(world).await;
        world.pass_days(14);
        let dir = world.dir().join("shared");
        let mut one = Runner::open(world.commands.clone(), &dir).await.unwrap();
        let mut two = Runner::open(world.another_process().await, &dir).await.unwrap();
        tokio::join!(settle(&mut one), settle(&mut two));
        assert_eq!(world.count("ExchangeCompleted").await, 1);
    }

    async fn a_book_that_is_no_book_is_folded_anew_and_nothing_else_is_touched(world: &World) {
        one_sided(world).await;
        world.pass_days(14);
        let dir = world.dir().join("damaged");
        let books = dir.join("policies");
        Runner::open(world.commands.clone(), &dir).await.unwrap().close().await;
        let mut files = tokio::fs::read_dir(&books).await.unwrap();
        while let Some(file) = files.next_entry().await.unwrap() {
            tokio::fs::write(file.path(), vec![7; 8_192]).await.unwrap();
        }
        let outdated = books.join("book-0123456789abcdef.sqlite");
        let others = [dir.join("log.sqlite"), books.join("notes.sqlite")];
        for file in others.iter().chain([&outdated]) {
            tokio::fs::write(file, b"something").await.unwrap();
        }
        settle(&mut Runner::open(world.commands.clone(), &dir).await.unwrap()).await;
        assert_eq!(world.count("ExchangeCompleted").await, 1);
        assert!(!outdated.exists());
        assert!(others.iter().all(|file| file.exists()), "what is no book stays");
    }

    async fn the_policies_run_until_they_are_told_to_stop(world: &World) {
        one_sided(world).await;
        let stop = CancellationToken::new();
        let running =
            tokio::spawn(run(world.commands.clone(), world.dir().join("run"), stop.clone()));
        world.pass_days(14);
        let completed = async {
            while world.count("ExchangeCompleted").await == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), completed).await.unwrap();
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}
