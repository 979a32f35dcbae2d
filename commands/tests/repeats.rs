//! Repeated requests: a lost answer is asked for again, and nothing is done twice.

use meguri_commands::{Caller, CommandError, NewThanks, Password};
use meguri_events::MemberId;
use meguri_log::RequestKey;

use crate::support::{World, code, interrupted_after, key, new_member, new_post, same};

/// A crash after each second poll of a command; all commands are through long before.
const CRASHES_MAX: u8 = 100;

fn thanks() -> NewThanks {
    NewThanks {
        words: Some("助かりました".to_owned()),
    }
}

on_both_backends! {
    async fn sending_thanks_twice_is_refused_and_repeating_the_request_is_not_h19(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.started(&aki, &haru).await;
        world.commands.report_completion(&aki, exchange).await.unwrap();

        let haru = haru.with_key(Some(key(1)));
        let first = world.commands.send_thanks(&haru, exchange, thanks()).await.unwrap();
        let again = world.commands.send_thanks(&haru, exchange, thanks()).await.unwrap();
        assert!(same(&first, &again) && again.repeated && !first.repeated);
        let restarted = world.another_process().await;
        let again = restarted.send_thanks(&haru, exchange, thanks()).await.unwrap();
        assert!(same(&first, &again) && again.repeated);

        let haru = haru.with_key(Some(key(2)));
        let refused = world.commands.send_thanks(&haru, exchange, thanks()).await;
        assert_eq!(code(refused), "already-thanked");
        assert_eq!(world.count("ThanksSent").await, 1);
    }

    async fn a_key_names_one_request(world: &World) {
        let aki = world.member("aki").await.with_key(Some(key(1)));
        world.commands.post_need(&aki, new_post("草むしり")).await.unwrap();
        let other = Some(RequestKey { key: [1; 32], request: [2; 32], expires: true });
        let aki = aki.with_key(other);
        let reused = world.commands.post_need(&aki, new_post("雪かき")).await;
        assert_eq!(reused, Err(CommandError::KeyReused));
        assert_eq!(world.count("NeedPosted").await, 1);
    }

    async fn a_key_names_one_request_also_where_a_rule_would_refuse_it(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.started(&aki, &haru).await;
        let aki = aki.with_key(Some(key(1)));
        world.commands.report_completion(&aki, exchange).await.unwrap();
        let other = Some(RequestKey { key: [1; 32], request: [2; 32], expires: true });
        let reused = world.commands.report_completion(&aki.with_key(other), exchange).await;
        assert_eq!(reused, Err(CommandError::KeyReused));
    }

    async fn a_request_cut_off_anywhere_is_done_once_when_repeated(world: &World) {
        let aki = world.member("aki").await;
        for crash in 0..CRASHES_MAX {
            let aki = aki.clone().with_key(Some(key(crash)));
            let crashing = world.another_process().await;
            let post = crashing.post_need(&aki, new_post("草むしり"));
            let answered = interrupted_after(usize::from(crash) * 2, post).await;
            let repeated = world.commands.post_need(&aki, new_post("草むしり")).await.unwrap();
            assert_eq!(world.count("NeedPosted").await, usize::from(crash) + 1);
            if let Some(first) = answered {
                assert!(same(&first.unwrap(), &repeated));
                return;
            }
        }
        panic!("every one was cut off");
    }

    async fn a_registration_cut_off_anywhere_leaves_no_member_without_password(world: &World) {
        let password = Password::new("おだやかな朝のひかり");
        for crash in 0..CRASHES_MAX {
            let (name, key) = (format!("member{crash}"), Some(key(crash)));
            let crashing = world.another_process().await;
            let register = crashing.register_with_password(new_member(&name), &password, key);
            let answered = interrupted_after(usize::from(crash) * 2, register).await;
            drop(crashing);
            let logged_in = world.commands.log_in(&name, &password).await;
            if world.count("MemberRegistered").await > usize::from(crash) {
                logged_in.expect("who is a member can log in");
            } else {
                assert_eq!(logged_in, Err(CommandError::WrongCredentials));
            }
            // Under the same key the answer is given again; the user name was never blocked.
            let register = world.commands.register_with_password(new_member(&name), &password, key);
            let registered = register.await.unwrap();
            let logged_in = world.commands.log_in(&name, &password).await.unwrap();
            assert_eq!(registered.done.id(), logged_in.member.uuid());
            assert_eq!(world.count("MemberRegistered").await, usize::from(crash) + 1);
            if answered.is_some() {
                return;
            }
        }
        panic!("every one was cut off");
    }

    async fn a_repeated_registration_checks_the_password_and_gives_another_token(world: &World) {
        let (right, wrong) = (Password::new("おだやかな朝のひかり"), Password::new("さわがしい夜のあかり"));
        let register = |password| {
            world.commands.register_with_password(new_member("aki"), password, Some(key(1)))
        };
        let first = register(&right).await.unwrap();
        let again = register(&right).await.unwrap();
        assert!(same(&first.done, &again.done));
        assert_ne!(first.token, again.token);
        for token in [&first.token, &again.token] {
            let holder = world.log().vault().token_holder(token).await.unwrap().unwrap();
            assert_eq!(MemberId::from_stream(&holder.subject).unwrap().uuid(), first.done.id());
        }
        assert_eq!(register(&wrong).await, Err(CommandError::WrongCredentials));
        assert_eq!(world.count("MemberRegistered").await, 1);
    }

    async fn correlation_names_the_command_that_began_it(world: &World) {
        let aki: Caller = world.member("aki").await;
        world.commands.post_need(&aki, new_post("草むしり")).await.unwrap();
        let filter = meguri_log::Filter::default().event_type("NeedPosted").unwrap();
        let block =
            world.log().read_all(meguri_log::Position::ZERO, &filter, 10).await.unwrap();
        let header = block.events[0].header().unwrap().unwrap();
        assert!(header.correlation.is_some());
        assert_eq!(header.correlation, header.causation);
        assert_eq!((header.actor, header.acting_for), (aki.id().unwrap().stream().as_str(), None));
    }
}
