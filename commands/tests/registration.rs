//! Registering, leaving and logging in at once: what nobody learns of who is here.

use meguri_commands::{Caller, Password};
use meguri_events::MemberId;

use meguri_test_community::{World, new_member, on_both_backends};

on_both_backends! {
    async fn leaving_tells_it_neither_and_frees_what_one_held(world: &World) {
        let mut members = Vec::new();
        for name in ["aki", "haru", "natsu"] {
            let mut new = new_member(name);
            "shared@example.jp".clone_into(&mut new.mail);
            let done = world.commands.register(new, None).await.unwrap();
            members.push(Caller::member(MemberId::new(done.id())));
        }
        for member in &members {
            let before = world.log().head().await.unwrap().position.get();
            let left = world.commands.leave(member).await.unwrap();
            assert_eq!(left.position.get() - before, 2, "the claim and the leaving");
        }
        assert_eq!(world.count("ClaimReleased").await, 3);
        let mut again = new_member("fuyu");
        "shared@example.jp".clone_into(&mut again.mail);
        world.commands.register(again, None).await.unwrap();
    }

    async fn two_who_give_one_address_at_once_are_both_members(world: &World) {
        let other = world.another_process().await;
        for n in 0..5 {
            let (mut one, mut two) = (new_member(&format!("a{n}a")), new_member(&format!("b{n}b")));
            one.mail = format!("both{n}@example.jp");
            two.mail.clone_from(&one.mail);
            let (one, two) = tokio::join!(
                world.commands.register(one, None),
                other.register(two, None),
            );
            assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
        }
    }

    async fn whoever_leaves_while_they_log_in_keeps_no_token(world: &World) {
        let password = Password::new("おだやかな朝のひかり");
        for n in 0..10 {
            let name = format!("member{n}");
            let registered = world
                .commands
                .register_with_password(new_member(&name), &password, None);
            let registered = registered.await.unwrap();
            let subject = registered.done.stream.as_str();
            let member = Caller::member(MemberId::new(registered.done.id()));
            let leave = async {
                world.commands.leave(&member).await.unwrap();
                // What the policy does for whoever has left.
                world.log().vault().lock_out(subject).await.unwrap();
            };
            let (_, ()) = tokio::join!(world.commands.log_in(&name, &password), leave);
            let tokens = world.log().vault().tokens_of(subject).await.unwrap();
            assert_eq!(tokens.len(), 0);
        }
    }
}
