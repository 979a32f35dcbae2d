//! Which source wins, and what is refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meguri.toml");
    std::fs::write(&path, text).unwrap();
    let flags = Flags {
        config: Some(path),
        ..Flags::default()
    };
    (folder, flags)
}

fn none(_: &str) -> Option<String> {
    None
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let (_folder, mut flags) = file("listen = \"0.0.0.0:1\"\nremind_after = \"2d\"\n");
    let environment = |name: &str| (name == "MEGURI_LISTEN").then(|| "0.0.0.0:2".to_owned());

    let from_file = Settings::resolve(&flags, none).unwrap();
    assert_eq!(from_file.listen.value, "0.0.0.0:1");
    assert!(matches!(from_file.listen.origin, Origin::File(_)));
    assert_eq!(from_file.remind_after.value, Period::days(2));
    assert_eq!(from_file.complete_after.value, COMPLETE_AFTER_DEFAULT);
    assert_eq!(from_file.complete_after.origin, Origin::Default);

    let from_environment = Settings::resolve(&flags, environment).unwrap();
    assert_eq!(from_environment.listen.value, "0.0.0.0:2");
    assert_eq!(
        from_environment.listen.origin,
        Origin::Environment("MEGURI_LISTEN")
    );

    flags.listen = Some("0.0.0.0:3".to_owned());
    let from_flag = Settings::resolve(&flags, environment).unwrap();
    assert_eq!(from_flag.listen.value, "0.0.0.0:3");
    assert_eq!(from_flag.listen.origin, Origin::Flag("--listen"));
}

#[test]
fn an_empty_variable_says_nothing() {
    let (_folder, flags) = file("");
    let settings = Settings::resolve(&flags, |_| Some(String::new()))
        // The file is named by a flag, so that an empty MEGURI_CONFIG does not matter either.
        .unwrap();
    assert_eq!(settings.listen.origin, Origin::Default);
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let (_folder, flags) = file("listen = \"0.0.0.0:1\"\nlissten = \"x\"\n");
    let message = Settings::resolve(&flags, none).unwrap_err().to_string();
    assert!(message.contains("lissten"), "{message}");
    assert!(message.contains("line 2"), "{message}");
}

#[test]
fn a_file_that_was_named_must_exist_and_one_that_was_not_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        config: Some(folder.path().join("none.toml")),
        ..Flags::default()
    };
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(matches!(error, SettingsError::File { .. }));
}

#[test]
fn postgres_needs_a_vault_of_its_own() {
    let (_folder, mut flags) = file("");
    flags.database_url = Some("postgres://me:pw@localhost/log".to_owned());
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(error.to_string().contains("VAULT_URL"), "{error}");
    assert!(error.to_string().contains("--database-url"), "{error}");

    flags.vault_url.clone_from(&flags.database_url);
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(matches!(error, SettingsError::SameDatabase));

    flags.vault_url = Some("postgres://me:pw@localhost/vault".to_owned());
    assert!(Settings::resolve(&flags, none).is_ok());

    flags.database_url = None;
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(matches!(error, SettingsError::DatabaseMissing(_)));
}

#[test]
fn the_reminder_comes_before_the_completion_by_policy_h44() {
    let (_folder, flags) = file("remind_after = \"14d\"\ncomplete_after = \"7d\"\n");
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(matches!(error, SettingsError::Periods { .. }));
}

#[test]
fn a_token_is_valid_for_a_minute_at_least() {
    let (_folder, flags) = file("token_lifetime = \"59s\"\n");
    let error = Settings::resolve(&flags, none).unwrap_err();
    assert!(matches!(error, SettingsError::Value { .. }), "{error}");
    let (_folder, flags) = file("token_lifetime = \"1m\"\n");
    let settings = Settings::resolve(&flags, none).unwrap();
    assert_eq!(settings.token_lifetime.value, Period::seconds(60));
}

#[test]
fn what_is_shown_holds_no_password() {
    let (_folder, mut flags) = file("vault_url = \"postgres://me:s3cret@localhost/vault\"\n");
    flags.database_url = Some("postgres://me:s3cret@localhost/log".to_owned());
    let settings = Settings::resolve(&flags, none).unwrap();
    let shown = format!("{:?} {settings:?}", settings.rows());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(
        shown.contains("postgres://me:****@localhost/log"),
        "{shown}"
    );
}
