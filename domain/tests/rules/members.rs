//! Members.

use meguri_domain::{Member, MemberError, Nickname};
use meguri_events::{
    KeyClass, KeyRange, KeysDestroyed, MemberErased, MemberEvent, MemberLeft, MemberProfile,
    MemberRegistered, NicknameChanged, Prefecture, Sealed, Timestamp,
};

use crate::scenario::given;
use crate::scene::{OPENER, registered, registered_in, then};

fn left() -> MemberEvent {
    MemberLeft { member: OPENER }.into()
}

fn nickname(text: &str) -> Nickname {
    Nickname::parse(text).unwrap()
}

/// What registering says of somebody who lives there.
fn registration(prefecture: Option<Prefecture>) -> MemberEvent {
    let profile = MemberProfile {
        user_name: "hanako".to_owned(),
        nickname: "花子".to_owned(),
    };
    let mail = Sealed::Known("hanako@example.jp".to_owned());
    MemberRegistered {
        member: OPENER,
        prefecture,
        profile: Sealed::Known(profile),
        mail,
    }
    .into()
}

#[test]
fn registering_seals_names_and_mail() {
    assert_eq!(registered(OPENER), [registration(None)]);
}

#[test]
fn a_member_says_in_which_prefecture_they_live_or_does_not_k23_k30() {
    for prefecture in Prefecture::all().map(Some).chain([None]) {
        assert_eq!(
            registered_in(OPENER, prefecture),
            [registration(prefecture)]
        );
    }
}

#[test]
fn a_member_changes_the_nickname() {
    let changed = NicknameChanged {
        member: OPENER,
        nickname: Sealed::Known("はな".to_owned()),
    };
    given::<Member>(registered(OPENER))
        .when(|member| member.change_nickname(nickname("はな")))
        .then([changed.clone().into()]);
    let member = given::<Member>(then(registered(OPENER), [changed.into()])).state();
    assert_eq!(member.nickname().text(), Some("はな"));
    assert_eq!(member.user_name().text(), Some("hanako"));
}

#[test]
fn taking_the_same_nickname_changes_nothing() {
    given::<Member>(registered(OPENER))
        .when(|member| member.change_nickname(nickname(" 花子 ")))
        .then_nothing();
}

#[test]
fn a_member_leaves_once() {
    given::<Member>(registered(OPENER))
        .when_policy(Member::leave)
        .then([left()]);
    given::<Member>(then(registered(OPENER), [left()]))
        .when_policy(Member::leave)
        .then_nothing();
}

#[test]
fn who_has_left_takes_no_other_nickname_h01() {
    given::<Member>(then(registered(OPENER), [left()]))
        .when(|member| member.change_nickname(nickname("はな")))
        .then_refused(MemberError::HasLeft);
}

#[test]
fn a_member_whose_keys_are_destroyed_is_still_a_member_who_has_left_h01() {
    let (profile, mail) = (Sealed::Erased, Sealed::Erased);
    let erased = MemberRegistered {
        member: OPENER,
        prefecture: None,
        profile,
        mail,
    };
    let member = given::<Member>(vec![erased.into(), left()]).state();
    assert!(member.has_left() && member.nickname().is_erased() && member.mail().is_erased());
}

fn key(text: &str) -> KeyRange {
    text.parse().unwrap()
}

#[test]
fn who_is_erased_is_unnamed_and_what_has_to_be_kept_is_told() {
    let until = Some(Timestamp::from_micros(7));
    let keys = ["profile/1", "contact/1", "money/1"].map(key);
    let erased = MemberErased {
        member: OPENER,
        keys: vec![key("profile/1"), key("contact/1")],
        kept: vec![KeyClass::Money],
        kept_until: until,
    };
    let erase = move |member: &Member| member.erase(keys, vec![KeyClass::Money], until);
    given::<Member>(registered(OPENER))
        .when_policy(erase)
        .then([erased.clone().into()]);
    given::<Member>(then(registered(OPENER), [erased.clone().into()]))
        .when_policy(erase)
        .then_nothing();
    let member = given::<Member>(then(registered(OPENER), [erased.into()])).state();
    assert!(member.nickname().is_erased() && member.mail().is_erased());
    assert_eq!(member.kept_until(), until);
    assert!(!member.has_left(), "leaving is said by an event of its own");
}

#[test]
fn what_a_member_says_after_an_erasure_is_under_other_keys_and_known() {
    let erased = |last| MemberErased {
        member: OPENER,
        keys: vec![KeyRange {
            class: KeyClass::Profile,
            last,
        }],
        kept: vec![],
        kept_until: None,
    };
    let renamed = NicknameChanged {
        member: OPENER,
        nickname: "はな".to_owned().into(),
    };
    let history = then(registered(OPENER), [erased(1).into(), renamed.into()]);
    let member = given::<Member>(history.clone()).state();
    assert_eq!(member.nickname().text(), Some("はな"));
    assert!(member.is_erased(KeyClass::Profile, 1) && !member.is_erased(KeyClass::Profile, 2));
    given::<Member>(history)
        .when_policy(|member| member.erase([key("profile/2")], vec![], None))
        .then([erased(2).into()]);
}

#[test]
fn that_keys_are_destroyed_is_said_once_for_each_erasure() {
    let keys = vec![key("profile/1"), key("contact/1")];
    let erased = MemberErased {
        member: OPENER,
        keys: keys.clone(),
        kept: vec![],
        kept_until: None,
    };
    let destroyed = KeysDestroyed {
        member: OPENER,
        keys,
    };
    let history = then(registered(OPENER), [erased.into()]);
    given::<Member>(history.clone())
        .when_policy(Member::keys_destroyed)
        .then([destroyed.clone().into()]);
    given::<Member>(then(history, [destroyed.into()]))
        .when_policy(Member::keys_destroyed)
        .then_nothing();
}
