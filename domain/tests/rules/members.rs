//! Members.

use meguri_domain::{Member, MemberError, Nickname};
use meguri_events::{
    MemberEvent, MemberLeft, MemberProfile, MemberRegistered, NicknameChanged, Prefecture, Sealed,
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
