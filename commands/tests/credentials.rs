//! Passwords: what proves who is asking, and what does not.

use std::time::{Duration, Instant};

use meguri_commands::{CommandError, CommandSettings, Password, PasswordCost, Rate};

use meguri_test_community::{World, new_member, settings};

#[tokio::test]
async fn an_unknown_user_name_and_a_wrong_password_are_answered_alike_also_in_time() {
    let world = World::on_sqlite().await;
    let cost = PasswordCost {
        memory_kib: 8 * 1024,
        passes: 4,
    };
    let log_in_rate = Rate {
        burst: 100,
        per_minute: 100,
    };
    let slow = CommandSettings {
        password_cost: cost,
        log_in_rate,
        ..settings()
    };
    let commands = world.another_process_with(slow).await;
    let password = Password::new("おだやかな朝のひかり");
    commands
        .register_with_password(new_member("aki"), &password, None)
        .await
        .unwrap();
    let wrong = Password::new("さわがしい夜のあかり");
    // The first log-in of a process is slower, whoever it is.
    commands.log_in("aki", &wrong).await.unwrap_err();
    let timed = async |name: &str| {
        let started = Instant::now();
        let refused = commands.log_in(name, &wrong).await;
        assert_eq!(refused, Err(CommandError::WrongCredentials));
        started.elapsed()
    };
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        known = known.min(timed("aki").await);
        unknown = unknown.min(timed("nobody").await);
    }
    // Without hashing it would take a hundredth.
    assert!(
        unknown > known / 4 && known > unknown / 4,
        "{known:?} {unknown:?}"
    );
}

#[tokio::test]
async fn guessing_under_one_user_name_is_slowed_down() {
    let world = World::on_sqlite().await;
    let slow = CommandSettings {
        log_in_rate: Rate {
            burst: 3,
            per_minute: 6,
        },
        ..settings()
    };
    let commands = world.another_process_with(slow).await;
    let password = Password::new("おだやかな朝のひかり");
    commands
        .register_with_password(new_member("aki"), &password, None)
        .await
        .unwrap();
    for _ in 0..3 {
        let refused = commands
            .log_in("aki", &Password::new("さわがしい夜のあかり"))
            .await;
        assert_eq!(refused, Err(CommandError::WrongCredentials));
    }
    let too_many = commands.log_in("aki", &password).await;
    assert!(
        matches!(too_many, Err(CommandError::TooMany(_))),
        "{too_many:?}"
    );
    let other = commands.log_in("haru", &password).await;
    assert_eq!(
        other,
        Err(CommandError::WrongCredentials),
        "other names are not concerned"
    );
}

#[tokio::test]
async fn a_member_without_password_cannot_log_in() {
    let world = World::on_sqlite().await;
    world.member("aki").await;
    let refused = world.commands.log_in("aki", &Password::new("")).await;
    assert_eq!(refused, Err(CommandError::WrongCredentials));
}

#[tokio::test]
async fn neither_names_nor_passwords_are_in_the_open_part_of_the_log() {
    let world = World::on_sqlite().await;
    let password = Password::new("おだやかな朝のひかり");
    let mut new = new_member("secretname");
    new.nickname = "ひみつのなまえ".to_owned();
    world
        .commands
        .register_with_password(new, &password, None)
        .await
        .unwrap();
    let all = meguri_log::Filter::default();
    let block = world
        .log()
        .read_all(meguri_log::Position::ZERO, &all, 100)
        .await
        .unwrap();
    let open: String = block
        .events
        .iter()
        .filter_map(|event| event.header_text())
        .collect();
    for secret in [
        "secretname",
        "ひみつのなまえ",
        "example.jp",
        "おだやかな朝のひかり",
        "argon2",
    ] {
        assert!(!open.contains(secret), "{secret}");
    }
}
