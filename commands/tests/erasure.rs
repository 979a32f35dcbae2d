//! Erasing a member: everything sealed for them is gone, what the log says of them stays.

use meguri_commands::policies::Runner;
use meguri_commands::{Caller, NewNickname, reapply_erasures};
use meguri_events::{ExchangeId, KeyClass};
use meguri_log::{Append, Cause, Filter, Location, Log, NewEvent, Position, SectionContent};
use serde_json::{Value, json};

use meguri_test_community::{World, on_both_backends};

/// Of every sealed section: its key's person and class, and whether it still opens.
async fn sections(log: &Log) -> Vec<(String, String, bool)> {
    let block = log
        .read_all(Position::ZERO, &Filter::default(), 1_000)
        .await;
    let events = block.unwrap().events;
    let mut found = Vec::new();
    for opened in log.open_events(&events).await.unwrap() {
        let opened = opened.unwrap().unwrap();
        for (listed, section) in opened.header.sealed.iter().zip(&opened.sections) {
            let mut key = listed.key.split('/').map(str::to_owned);
            let (subject, class) = (key.next().unwrap(), key.next().unwrap());
            let opens = matches!(section.content, SectionContent::Plain(_));
            found.push((subject, class, opens));
        }
    }
    found
}

async fn erased(log: &Log, member: &Caller) -> Vec<String> {
    let subject = member.id().unwrap().stream();
    let sections = sections(log).await.into_iter();
    let (own, others): (Vec<_>, Vec<_>) = sections.partition(|(of, _, _)| *of == subject);
    assert!(
        others.iter().all(|(_, _, opens)| *opens),
        "nobody else is erased"
    );
    let mut closed: Vec<_> = own
        .iter()
        .filter(|one| !one.2)
        .map(|one| one.1.clone())
        .collect();
    closed.dedup();
    if closed.len() < own.len() {
        let open = own.iter().filter(|one| one.2 && closed.contains(&one.1));
        assert_eq!(open.count(), 0, "a class is erased as a whole");
    }
    closed.sort_unstable();
    closed.dedup();
    closed
}

async fn types_of(world: &World, member: &Caller) -> Vec<String> {
    world.types_in(&member.id().unwrap().stream()).await
}

/// Aki and Haru have an exchange in progress.
async fn two(world: &World) -> (Caller, Caller, ExchangeId) {
    let (aki, haru) = (world.member("aki").await, world.member("haru").await);
    let exchange = world.started(&aki, &haru).await;
    (aki, haru, exchange)
}

/// Appends an event as a process had that broke down then.
async fn append(log: &Log, stream: &str, event_type: &'static str, data: Value) {
    let event = NewEvent {
        id: uuid::Uuid::now_v7(),
        stream: stream.parse().unwrap(),
        event_type: event_type.into(),
        schema: 1,
        data: data.to_string(),
        sealed: vec![],
    };
    let cause = Cause {
        actor: stream.to_owned(),
        ..Cause::default()
    };
    let append = Append {
        cause,
        events: vec![event],
        ..Append::default()
    };
    log.append(append).await.unwrap();
}

/// Does something to the database of the vault, as an operator with a backup does.
async fn vault_sql(world: &World, statements: &[&'static str]) {
    match &world.location {
        Location::Sqlite { vault, .. } => {
            let url = format!("sqlite:{}", vault.display());
            let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
            for statement in statements {
                sqlx::query(*statement).execute(&pool).await.unwrap();
            }
        }
        Location::Postgres { vault, .. } => {
            let pool = sqlx::PgPool::connect(vault).await.unwrap();
            for statement in statements {
                sqlx::query(*statement).execute(&pool).await.unwrap();
            }
        }
    }
}

on_both_backends! {
    async fn who_is_erased_leaves_and_nothing_sealed_for_them_opens_any_more_h01(world: &World) {
        let (aki, _, exchange) = two(world).await;
        let erasure = world.commands.erase(&aki, &[]).await.unwrap();
        let told = ["MemberRegistered", "MemberLeft", "MemberErased", "KeysDestroyed"];
        assert_eq!(types_of(world, &aki).await, told);
        assert!(erasure.keys_destroyed && erasure.kept.is_empty() && !erasure.awaits_operator);
        assert_eq!(erasure.erased, KeyClass::ALL);
        assert_eq!(
            erasure.complete_by.unwrap().to_string(), "2026-11-22T07:00:00.000000Z",
            "a day later"
        );
        let other = world.another_process().await;
        for log in [world.log(), other.log()] {
            assert_eq!(erased(log, &aki).await, ["contact", "profile"]);
        }
        // What a policy does for everybody who leaves.
        let mut runner = Runner::open(world.commands.clone(), world.dir()).await.unwrap();
        while runner.step().await.unwrap() > 0 {}
        assert_eq!(world.types_in(&exchange.stream()).await.pop().unwrap(), "ExchangeAborted");
        assert_eq!(world.count("OfferClosed").await, 1);
        let again = world.commands.erase(&aki, &[]).await.unwrap();
        assert_eq!((again.erased, world.count("MemberErased").await), (erasure.erased, 1));
        // The address is free again; the user name never is.
        let mut new = meguri_test_community::new_member("aki");
        assert!(world.commands.register(new.clone(), None).await.is_err());
        "akiko".clone_into(&mut new.user_name);
        world.commands.register(new, None).await.unwrap();
    }

    async fn a_class_is_erased_of_a_member_who_stays_and_goes_on(world: &World) {
        let (aki, ..) = two(world).await;
        let erasure = world.commands.erase(&aki, &[KeyClass::Profile]).await.unwrap();
        assert_eq!(erasure.erased, [KeyClass::Profile]);
        assert_eq!(erased(world.log(), &aki).await, ["profile"]);
        let nickname = NewNickname { nickname: "あき".to_owned() };
        world.commands.change_nickname(&aki, nickname).await.unwrap();
        let known = sections(world.log()).await.pop().unwrap();
        assert_eq!((known.1.as_str(), known.2), ("profile", true), "under a new key");
        let erasure = world.commands.erase(&aki, &[KeyClass::Profile]).await.unwrap();
        assert_eq!(erasure.erased, [KeyClass::Profile]);
        assert_eq!(world.count("MemberErased").await, 2);
        assert!(!sections(world.log()).await.pop().unwrap().2);
    }

    async fn an_erasure_that_was_cut_off_is_finished_once_by_however_many_runners(world: &World) {
        let (aki, ..) = two(world).await;
        let vault = world.log().vault().clone();
        world.commands.erase(&aki, &[KeyClass::Profile]).await.unwrap();
        // As after a crash: the log says what is to be destroyed, and nothing was done.
        let class = KeyClass::Contact.code();
        let stream = aki.id().unwrap().stream();
        let data = json!({"member": stream, "keys": ["contact/1"], "kept": [], "kept_until": null});
        append(world.log(), &stream, "MemberErased", data).await;
        assert_eq!(erased(world.log(), &aki).await, ["profile"]);
        let other = world.another_process().await;
        let folders = [world.dir().join("one"), world.dir().join("two")];
        let mut one = Runner::open(world.commands.clone(), &folders[0]).await.unwrap();
        let mut two = Runner::open(other.clone(), &folders[1]).await.unwrap();
        let (first, second) = tokio::join!(one.step(), two.step());
        first.unwrap();
        second.unwrap();
        while one.step().await.unwrap() + two.step().await.unwrap() > 0 {}
        assert_eq!(world.count("KeysDestroyed").await, 2);
        for log in [world.log(), other.log()] {
            assert_eq!(erased(log, &aki).await, ["contact", "profile"]);
        }
        assert_eq!(vault.key_numbers(&stream).await.unwrap()[0], (class.to_owned(), 2));
    }

    async fn a_backup_of_the_vault_that_is_put_back_does_not_bring_an_erased_key_back(
        world: &World
    ) {
        let (aki, ..) = two(world).await;
        assert_eq!(reapply_erasures(world.log()).await.unwrap(), 0);
        vault_sql(world, &[
            "create table kept_keys as select * from vault_keys",
            "create table kept_meta as select * from vault_meta",
        ]).await;
        world.commands.erase(&aki, &[]).await.unwrap();
        reapply_erasures(world.log()).await.unwrap();
        vault_sql(world, &[
            "delete from vault_keys", "insert into vault_keys select * from kept_keys",
            "delete from vault_meta", "insert into vault_meta select * from kept_meta",
        ]).await;
        let restored = world.another_process().await;
        let key = restored.log().vault().key_numbers(&aki.id().unwrap().stream()).await.unwrap();
        assert!(!key.is_empty(), "the backup has the keys");
        assert_eq!(reapply_erasures(restored.log()).await.unwrap(), 1);
        assert_eq!(reapply_erasures(restored.log()).await.unwrap(), 0, "it has heard of it");
        assert_eq!(erased(restored.log(), &aki).await, ["contact", "profile"]);
        let subject = aki.id().unwrap().stream();
        let waits = restored.log().vault().unfinished(Some(&subject)).await.unwrap();
        assert!(waits.is_some(), "the key-encryption key has to be rotated for it");
    }

    async fn an_older_vault_brings_nobody_back_who_left_or_was_logged_out(world: &World) {
        let (aki, haru, _) = two(world).await;
        let subject = |of: &Caller| of.id().unwrap().stream();
        let vault = world.log().vault();
        let mut tokens = Vec::new();
        for member in [&aki, &haru] {
            tokens.push(vault.issue_token(&subject(member), "member").await.unwrap());
            vault.set_password_hash(&subject(member), "$argon2id$v=19$old").await.unwrap();
        }
        let tables = ["keys", "meta", "tokens", "passwords"];
        for table in tables {
            let keep = format!("create table kept_{table} as select * from vault_{table}");
            vault_sql(world, &[keep.leak()]).await;
        }
        world.commands.erase(&aki, &[]).await.unwrap();
        vault.revoke_token(&tokens[1]).await.unwrap();
        // Another process opens the log, as each restart does.
        let between = world.another_process().await;
        between.log().begin_vault_generation().await.unwrap();
        for table in tables {
            let empty = format!("delete from vault_{table}");
            let back = format!("insert into vault_{table} select * from kept_{table}");
            vault_sql(world, &[empty.leak(), back.leak()]).await;
        }
        assert!(vault.token_holder(&tokens[0]).await.unwrap().is_some(), "it lives again");
        let restored = world.another_process().await;
        reapply_erasures(restored.log()).await.unwrap();
        let vault = restored.log().vault();
        for token in &tokens {
            assert_eq!(vault.token_holder(token).await.unwrap(), None);
        }
        assert_eq!(vault.password_hash(&subject(&aki)).await.unwrap(), None);
        assert!(vault.password_hash(&subject(&haru)).await.unwrap().is_some(), "who stays");
        // A vault that is as old as the log says keeps what it has.
        let token = vault.issue_token(&subject(&haru), "member").await.unwrap();
        let again = world.another_process().await;
        assert!(again.log().vault().token_holder(&token).await.unwrap().is_some());
    }

    async fn keys_that_an_older_vault_has_lost_are_found_and_given_up_for_good(world: &World) {
        let (aki, haru, _) = two(world).await;
        assert_eq!(world.log().lost_keys().await.unwrap(), []);
        vault_sql(world, &[
            "create table kept_keys as select * from vault_keys",
            "create table kept_meta as select * from vault_meta",
        ]).await;
        let nickname = || NewNickname { nickname: "あき".to_owned() };
        world.commands.erase(&aki, &[KeyClass::Profile]).await.unwrap();
        world.commands.change_nickname(&aki, nickname()).await.unwrap();
        let _ = world.member("natsu").await;
        vault_sql(world, &[
            "delete from vault_keys", "insert into vault_keys select * from kept_keys",
            "delete from vault_meta", "insert into vault_meta select * from kept_meta",
        ]).await;
        let restored = world.another_process().await;
        // No new key takes the name of a lost one.
        reapply_erasures(restored.log()).await.unwrap();
        let lost = restored.log().lost_keys().await.unwrap();
        let subject = aki.id().unwrap().stream();
        let profile = lost.iter().find(|key| key.subject == subject).unwrap();
        assert_eq!((profile.class.as_str(), profile.n), ("profile", 2));
        assert_eq!(lost.len(), 3, "natsu's profile and contact: {lost:?}");
        assert_eq!(meguri_commands::give_up_lost_keys(restored.log()).await.unwrap(), 3);
        assert_eq!(restored.log().lost_keys().await.unwrap(), []);
        // What is sealed from now on opens, and nothing is taken for another key's.
        restored.change_nickname(&aki, nickname()).await.unwrap();
        assert!(sections(restored.log()).await.pop().unwrap().2);
        restored.change_nickname(&haru, nickname()).await.unwrap();
    }

    async fn records_of_money_are_kept_for_their_term_and_then_erased(world: &World) {
        let (aki, ..) = two(world).await;
        let stream = aki.id().unwrap().stream();
        world.log().vault().renew_key(&stream, "money").await.unwrap();
        let erasure = world.commands.erase(&aki, &[]).await.unwrap();
        assert_eq!(erasure.kept, [KeyClass::Money]);
        let until = erasure.kept_until.unwrap().to_string();
        assert_eq!(until, "2033-11-21T07:00:00.000000Z", "seven years");
        let (ja, en) = erasure.in_words();
        assert!(ja.contains(&format!("法令により{until}まで保存します：お金の記録。")), "{ja}");
        assert!(en.contains(&format!("Kept until {until}")), "{en}");
        let mut runner = Runner::open(world.commands.clone(), world.dir()).await.unwrap();
        while runner.step().await.unwrap() > 0 {}
        assert_eq!(world.count("MemberErased").await, 1);
        world.pass_days(2_557);
        while runner.step().await.unwrap() > 0 {}
        assert_eq!(world.count("MemberErased").await, 2);
        assert_eq!(world.count("KeysDestroyed").await, 2);
        let erasure = world.commands.erase(&aki, &[]).await.unwrap();
        assert_eq!((erasure.kept, erasure.kept_until), (vec![], None));
    }
}
