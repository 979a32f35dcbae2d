//! What a person meets on the command line: help, settings, and mistakes that explain themselves.

use std::net::TcpListener;

use meguri_search::Analyzer;

use super::{Desk, said};

#[test]
fn help_shows_every_subcommand_and_what_to_try() {
    insta::assert_snapshot!(Desk::new().answer(&["--help"]));
}

#[test]
fn config_prints_what_is_in_force_and_who_said_so() {
    let desk = Desk::new();
    std::fs::write(
        desk.path().join("meguri.toml"),
        "listen = \"0.0.0.0:80\"\nlog_format = \"json\"\n",
    )
    .unwrap();
    let output = desk
        .command(&["config", "--data", "elsewhere"])
        .env("MEGURI_LOG_FORMAT", "text")
        .env("DATABASE_URL", "postgres://meguri:secret@db.example.jp/log")
        .env(
            "VAULT_URL",
            "postgres://meguri:secret@vault.example.jp/vault",
        )
        .env("MEGURI_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
}

#[test]
fn wrong_settings_end_with_code_2_and_name_what_is_wrong() {
    let desk = Desk::new();
    std::fs::write(
        desk.path().join("meguri.toml"),
        "lissten = \"0.0.0.0:80\"\n",
    )
    .unwrap();
    let output = desk.run(&["config"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("unknown field `lissten`"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("meguri.toml"), "{}", said(&output));
}

#[test]
fn postgresql_without_a_vault_is_refused_with_what_to_do() {
    let output = Desk::new()
        .command(&["serve"])
        .env("DATABASE_URL", "postgres://localhost/log")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(said(&output));
}

#[test]
fn looking_into_a_log_does_not_make_one() {
    let desk = Desk::new();
    for arguments in [["log", "stat"], ["views", "list"]] {
        let output = desk.run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            said(&output).contains("there is no log in data"),
            "{}",
            said(&output)
        );
    }
    assert!(!desk.path().join("data").exists());
}

#[test]
fn an_address_in_use_ends_with_code_3_and_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Desk::new().run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        said(&output).contains("choose another address with `--listen"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_demo_that_goes_through_weeks_in_a_moment_warns_of_nothing() {
    let ended = Desk::new().run(&["demo", "--members", "4", "--exchanges", "10"]);
    assert!(ended.status.success(), "{ended:?}");
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!said.contains("WARN"), "{said}");
}

#[test]
fn an_auditor_has_a_plain_name_and_gets_a_token_on_a_line_of_its_own() {
    let desk = Desk::new();
    let token = desk.answer(&["auditor", "add", "aoki"]);
    assert_eq!(token.lines().count(), 1);
    assert!(token.trim_end().len() >= 40, "256 random bits: {token:?}");
    let output = desk.run(&["auditor", "add", "青木 様"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_dictionary_is_built_into_the_data_folder_and_a_second_takes_its_place() {
    let desk = Desk::new();
    for _ in 0..2 {
        let said = desk.answer(&["dictionary", "build"]);
        assert!(said.starts_with("data/dictionary is built in "), "{said}");
        let analyzer = Analyzer::with_dictionary(&desk.path().join("data/dictionary"), &[]);
        assert!(analyzer.unwrap().has_dictionary());
    }
    let left: Vec<_> = std::fs::read_dir(desk.path().join("data"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn without_its_sources_no_dictionary_is_built_and_their_package_is_named() {
    let desk = Desk::new();
    let output = desk.run(&["dictionary", "build", "--from", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("mecab-ipadic"), "{}", said(&output));
    assert!(!desk.path().join("data").exists());
}

#[test]
fn tokens_of_operators_are_listed_and_revoked_by_id_and_by_name() {
    let desk = Desk::new();
    let auditor = desk.answer(&["auditor", "add", "yuki"]);
    for expires in ["12h", "30d"] {
        desk.answer(&["operator", "add", "yuki", "--expires", expires]);
    }
    let too_short = desk.run(&["operator", "add", "yuki", "--expires", "59s"]);
    assert_eq!(too_short.status.code(), Some(2));
    let list = |role| {
        let lines = desk.answer(&[role, "list"]);
        let lines = lines.lines().skip(1).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let listed = list("operator");
    assert_eq!(listed.len(), 2, "{listed:?}");
    for line in &listed {
        assert!(
            line.starts_with("yuki ") && line.ends_with("never"),
            "{line}"
        );
    }
    assert!(!listed.concat().contains(auditor.trim()));
    let id = listed[0].split_whitespace().nth(1).unwrap();
    assert_eq!(
        desk.answer(&["operator", "revoke", id]),
        "1 token is revoked\n"
    );
    assert_eq!(list("operator"), listed[1..]);
    let of_another_role = desk.run(&[
        "auditor",
        "revoke",
        listed[1].split_whitespace().nth(1).unwrap(),
    ]);
    assert_eq!(of_another_role.status.code(), Some(1));
    assert_eq!(
        desk.answer(&["operator", "revoke", "yuki"]),
        "1 token is revoked\n"
    );
    assert!(list("operator").is_empty());
    assert_eq!(
        list("auditor").len(),
        1,
        "the name is another one in another role"
    );
    let nobody = desk.run(&["operator", "revoke", "yuki"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(said(&nobody).contains("`yuki`"), "{}", said(&nobody));
}
