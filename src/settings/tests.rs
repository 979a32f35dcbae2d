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

fn none() -> Environment {
    Environment::default()
}

fn variable(name: &str, value: impl Into<std::ffi::OsString>) -> Environment {
    [(name, value)].into_iter().collect()
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
    let (_folder, mut flags) = file("listen = \"0.0.0.0:1\"\nremind_after = \"2d\"\n");
    let environment = variable("MEGURI_LISTEN", "0.0.0.0:2");

    let from_file = Settings::resolve(&flags, &none()).unwrap();
    assert_eq!(from_file.listen.value, "0.0.0.0:1");
    assert!(matches!(from_file.listen.origin, Origin::File(_)));
    assert_eq!(from_file.remind_after.value, Period::days(2));
    assert_eq!(from_file.complete_after.value, COMPLETE_AFTER_DEFAULT);
    assert_eq!(from_file.complete_after.origin, Origin::Default);

    let from_environment = Settings::resolve(&flags, &environment).unwrap();
    assert_eq!(from_environment.listen.value, "0.0.0.0:2");
    assert_eq!(
        from_environment.listen.origin,
        Origin::Environment("MEGURI_LISTEN")
    );

    flags.listen = Some("0.0.0.0:3".to_owned());
    let from_flag = Settings::resolve(&flags, &environment).unwrap();
    assert_eq!(from_flag.listen.value, "0.0.0.0:3");
    assert_eq!(from_flag.listen.origin, Origin::Flag("--listen"));
}

#[test]
fn an_empty_variable_says_nothing() {
    let (_folder, flags) = file("");
    let names = ["MEGURI_LISTEN", "MEGURI_CONFIG", "DATABASE_URL"];
    let empty = names.map(|name| (name, "")).into_iter().collect();
    let settings = Settings::resolve(&flags, &empty).unwrap();
    assert_eq!(settings.listen.origin, Origin::Default);
}

#[test]
fn an_unknown_key_is_refused_with_its_line() {
    let (_folder, flags) = file("listen = \"0.0.0.0:1\"\nlissten = \"x\"\n");
    let message = Settings::resolve(&flags, &none()).unwrap_err().to_string();
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
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::File { .. }));
}

#[test]
fn postgres_needs_a_vault_of_its_own() {
    let (_folder, mut flags) = file("");
    flags.database_url = Some("postgres://me:pw@localhost/log".to_owned());
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(error.to_string().contains("VAULT_URL"), "{error}");
    assert!(error.to_string().contains("--database-url"), "{error}");

    flags.vault_url.clone_from(&flags.database_url);
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::SameDatabase));

    flags.vault_url = Some("postgres://me:pw@localhost/vault".to_owned());
    assert!(Settings::resolve(&flags, &none()).is_ok());

    flags.database_url = None;
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::DatabaseMissing(_)));
}

#[test]
fn the_reminder_comes_before_the_completion_by_policy_h44() {
    let (_folder, flags) = file("remind_after = \"14d\"\ncomplete_after = \"7d\"\n");
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::Periods { .. }));
}

#[test]
fn a_token_is_valid_for_a_minute_at_least() {
    let (_folder, flags) = file("token_lifetime = \"59s\"\n");
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::Value { .. }), "{error}");
    let (_folder, flags) = file("token_lifetime = \"1m\"\n");
    let settings = Settings::resolve(&flags, &none()).unwrap();
    assert_eq!(settings.token_lifetime.value, Period::seconds(60));
}

#[test]
fn what_is_shown_holds_no_password() {
    let (_folder, mut flags) = file("vault_url = \"postgres://me:s3cret@localhost/vault\"\n");
    flags.database_url = Some("postgres://me:s3cret@localhost/log".to_owned());
    let settings = Settings::resolve(&flags, &none()).unwrap();
    let shown = format!("{:?} {settings:?}", settings.rows());
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(
        shown.contains("postgres://me:****@localhost/log"),
        "{shown}"
    );
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_by_its_name_whichever_it_is() {
    use std::os::unix::ffi::OsStringExt as _;
    let (_folder, flags) = file("");
    let known = Environment::default();
    Settings::resolve(&Flags::default(), &known).unwrap();
    let names = known.asked();
    assert!(names.len() > 20, "{names:?}");
    // A flag that says the same does not make it right: who set it believes that it holds.
    let flags = Flags {
        data: Some("data".into()),
        listen: Some("127.0.0.1:0".to_owned()),
        ..flags
    };
    for name in names {
        let value = std::ffi::OsString::from_vec(b"postgres://me:s3cret\xff@db/x".to_vec());
        let error = Settings::resolve(&flags, &variable(name, value)).unwrap_err();
        assert!(
            matches!(error, SettingsError::NotUnicode(of) if of == name),
            "{name}: {error}"
        );
        let said = error.to_string();
        assert!(said.contains(name) && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_variable_that_nobody_knows_is_refused_with_the_one_that_is_meant() {
    use std::os::unix::ffi::OsStringExt as _;
    let (_folder, flags) = file("");
    for (name, nearest) in [
        ("MEGURI_LISTN", Some("MEGURI_LISTEN")),
        ("MEGURI_DATA_", Some("MEGURI_DATA")),
        ("MEGURI_data", Some("MEGURI_DATA")),
        ("MEGURI_KEK_FIEL", Some("MEGURI_KEK_FILE")),
        ("MEGURI_PUBLISH_EVRY", Some("MEGURI_PUBLISH_EVERY")),
        ("MEGURI_DATABASE_URL", None),
        ("MEGURI_", None),
    ] {
        let error = Settings::resolve(&flags, &variable(name, "")).unwrap_err();
        let SettingsError::UnknownVariable { nearest: found, .. } = &error else {
            panic!("{name}: {error}");
        };
        assert_eq!(*found, nearest, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let odd = std::ffi::OsString::from_vec(b"MEGURI_DATA\xff".to_vec());
    let odd = [(odd, "x")].into_iter().collect();
    let error = Settings::resolve(&flags, &odd).unwrap_err();
    assert!(
        matches!(error, SettingsError::UnknownVariable { .. }),
        "{error}"
    );
    assert!(Settings::resolve(&flags, &variable("MEGURIX", "x")).is_ok());
}

#[test]
fn a_line_of_the_file_that_is_not_right_is_not_shown() {
    for text in [
        "listen = \"127.0.0.1:0\"\ndatabase_url = \"postgres://me:s3cret@db/x\n",
        "\ndatabase_url = postgres://me:s3cret@db/x\n",
        "\ndatabase_uri = \"postgres://me:s3cret@db/x\"\n",
        "\ndatabase_url = [\"postgres://me:s3cret@db/x\"]\n",
        "\ndatabase_url = \"postgres://a\"\ndatabase_url = \"postgres://me:s3cret@db/x\"\n",
        "\ndatabase_url = \"me:s3cret@db/x\"\n",
        "\nwitnesses = [\"http://me:s3cret@db/x\"]\n",
    ] {
        let (_folder, flags) = file(text);
        let said = Settings::resolve(&flags, &none()).unwrap_err().to_string();
        assert!(!said.contains("s3cret"), "{said}");
        assert!(said.contains("line") || said.contains("file "), "{said}");
    }
}

#[test]
fn a_data_folder_that_reads_as_an_address_or_is_no_text_is_not_another_one() {
    use std::os::unix::ffi::OsStringExt as _;
    let (_folder, mut flags) = file("");
    flags.data = Some("file:a%62?x=y".into());
    let settings = Settings::resolve(&flags, &none()).unwrap();
    assert_eq!(settings.data.value, PathBuf::from("./file:a%62?x=y"));
    flags.data = Some(std::ffi::OsString::from_vec(b"d\xff".to_vec()).into());
    let error = Settings::resolve(&flags, &none()).unwrap_err();
    assert!(matches!(error, SettingsError::FolderName(_)), "{error}");
}

#[test]
fn backups_by_itself_need_somewhere_to_go_and_a_database_that_is_a_file() {
    let refused = |text: &str| {
        let (_folder, flags) = file(text);
        Settings::resolve(&flags, &none()).unwrap_err().to_string()
    };
    assert!(refused("backup_every = \"6h\"\n").contains("backup_to"));
    let hasty = refused("backup_to = \"x\"\nbackup_every = \"1s\"\n");
    assert!(hasty.contains("not between 10s"), "{hasty}");
    assert!(refused("backup_keep = 0\n").contains("between 1"));
    assert!(refused("backup_to = \"ftp://x\"\n").contains("name a folder"));
    let databases = "database_url = \"postgres://a/log\"\nvault_url = \"postgres://a/vault\"\n";
    let by_itself = format!("{databases}backup_to = \"x\"\nbackup_every = \"6h\"\n");
    assert!(refused(&by_itself).contains("its own tools"));
    let (_folder, flags) = file("backup_to = \"x\"\nbackup_every = \"6h\"\n");
    let settings = Settings::resolve(&flags, &none()).unwrap();
    assert_eq!(settings.backup.keep.value, 7);
    let secret = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let key = variable("MEGURI_BACKUP_KEY", secret);
    let settings = Settings::resolve(&flags, &key).unwrap();
    let shown = format!("{:?} {settings:?}", settings.rows());
    assert!(!shown.contains("AQEBAQ"), "{shown}");
}

#[test]
fn the_checkpoint_that_is_kept_elsewhere_is_not_in_the_data_folder() {
    let (_folder, flags) = file("data = \"d\"\ncheckpoint_file = \"d/elsewhere\"\n");
    let refused = Settings::resolve(&flags, &none()).unwrap_err().to_string();
    assert!(refused.contains("is in the data folder"), "{refused}");
    let (_folder, flags) = file("data = \"d\"\ncheckpoint_file = \"e/checkpoint\"\n");
    assert!(Settings::resolve(&flags, &none()).is_ok());
}

#[test]
fn witnesses_that_could_cosign_two_stories_need_a_checkpoint_that_is_kept_elsewhere() {
    let witness = |number: u8| {
        let name = format!("witness-{number}.example.org").parse().unwrap();
        let key = meguri_proofs::SignerKey::from_seed(name, &[number; 32]);
        let key = meguri_proofs::Cosigner::new(key).verifier();
        format!("\"{key} http://127.0.0.1:{number}\"")
    };
    for all in 1..=5 {
        let listed: Vec<_> = (1..=all).map(witness).collect();
        for quorum in 1..=all {
            let of = format!(
                "witnesses = [{}]\nwitness_quorum = {quorum}\n",
                listed.join(", ")
            );
            let is_refused = |more: &str| {
                let (_folder, flags) = file(&format!("{of}{more}"));
                Settings::resolve(&flags, &none())
                    .err()
                    .map(|error| error.to_string())
            };
            let alone = is_refused("");
            if 2 * quorum > all {
                assert_eq!(alone, None, "{quorum} of {all}");
            } else {
                let said = alone.unwrap();
                assert!(said.contains(&format!("a quorum of {quorum} ")), "{said}");
                assert!(said.contains(&format!("{} or more", all / 2 + 1)), "{said}");
            }
            for more in [
                "checkpoint_file = \"e/checkpoint\"\n",
                "backup_to = \"backups\"\n",
            ] {
                assert_eq!(is_refused(more), None, "{quorum} of {all}, {more}");
            }
        }
    }
}

/// What no period may be.
const NO_PERIODS: [&str; 9] = [
    "0s",
    "0d",
    "-1s",
    "36501d",
    "99999999999999999999d",
    "1.5h",
    "1",
    "h",
    "x",
];
/// What no number may be.
const NO_NUMBERS: [&str; 6] = ["-1", "18446744073709551616", "1000000", "1e3", "1.5", "x"];

/// What a variable with this default is set to in vain: nothing where it is neither a period nor a
/// number.
fn refused_values(variable: &str, default: Option<&str>) -> &'static [&'static str] {
    let is = |optional: &str, parses: fn(&str) -> bool| {
        variable == optional || default.is_some_and(parses)
    };
    if is("MEGURI_BACKUP_EVERY", |value| {
        value.parse::<Period>().is_ok()
    }) {
        &NO_PERIODS
    } else if is("MEGURI_WITNESS_QUORUM", |value| {
        value.parse::<u64>().is_ok()
    }) {
        &NO_NUMBERS
    } else {
        &[]
    }
}

#[test]
fn every_period_and_every_number_has_bounds() {
    let (folder, flags) = file("");
    let to = folder.path().join("backups");
    let known = Environment::default();
    let rows = Settings::resolve(&flags, &known).unwrap().rows();
    let default_of = |variable: &str| {
        let name = variable.strip_prefix("MEGURI_").unwrap_or(variable);
        let row = rows.iter().find(|row| name.eq_ignore_ascii_case(row.0));
        row.map(|row| row.1.as_str())
    };
    // None at all is something that may be meant.
    let may_be_zero = ["MEGURI_KEEP_MONEY", "MEGURI_SHUTDOWN_GRACE"];
    let (mut periods, mut numbers) = (0, 0);
    for variable in known.asked() {
        let wrong = refused_values(variable, default_of(variable));
        periods += usize::from(wrong == NO_PERIODS);
        numbers += usize::from(wrong == NO_NUMBERS);
        for value in wrong {
            let variables = [
                (variable, std::ffi::OsString::from(value)),
                ("MEGURI_BACKUP_TO", to.clone().into_os_string()),
            ];
            let resolved = Settings::resolve(&flags, &variables.into_iter().collect());
            let allowed = value.starts_with('0') && may_be_zero.contains(&variable);
            assert_eq!(resolved.is_ok(), allowed, "{variable}={value}");
            if let Err(error) = resolved {
                let said = error.to_string();
                assert!(said.contains(variable), "{variable}={value}: {said}");
            }
        }
    }
    assert!(periods >= 9 && numbers >= 2, "{periods} and {numbers}");
}
