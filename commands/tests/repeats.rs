//! Repeated requests: a lost answer is asked for again, and nothing is done twice.

use meguri_commands::{Caller, CommandError, NewNickname, NewThanks, Password};
use meguri_events::{MemberId, NeedId, PostId};
use meguri_log::RequestKey;

use meguri_test_community::{
    World, code, interrupted_after, key, new_member, new_post, on_both_backends, same,
};

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

    async fn what_had_nothing_to_do_is_answered_again_and_does_nothing_later(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let need = world.commands.post_need(&aki, new_post("草むしり")).await.unwrap();
        let need = PostId::from(NeedId::new(need.id()));
        let keyed = |n: u8, request: u8| {
            let key = RequestKey { key: [n; 32], request: [request; 32], expires: true };
            aki.clone().with_key(Some(key))
        };
        // It is open already, and closed by another request before the client asks again.
        let first = world.commands.reopen_post(&keyed(1, 1), need).await.unwrap();
        world.commands.close_post(&aki, need).await.unwrap();
        let again = world.commands.reopen_post(&keyed(1, 1), need).await.unwrap();
        assert!(same(&first, &again) && again.repeated && !first.repeated);
        let restarted = world.another_process().await;
        assert!(restarted.reopen_post(&keyed(1, 1), need).await.unwrap().repeated);
        assert_eq!(world.count("NeedReopened").await, 0);
        // Another request under the same key is refused, whether or not it has something to do.
        let commands = &world.commands;
        let reused = Err(CommandError::KeyReused);
        assert_eq!(commands.reopen_post(&keyed(1, 2), need).await, reused);
        assert_eq!(commands.close_post(&keyed(1, 2), need).await, reused);
        assert_eq!(commands.post_need(&keyed(1, 2), new_post("雪かき")).await, reused);
        let nickname = NewNickname { nickname: "aki".to_owned() };
        assert_eq!(commands.change_nickname(&keyed(1, 2), nickname.clone()).await, reused);
        // So it is of every kind of command.
        commands.change_nickname(&keyed(2, 1), nickname).await.unwrap();
        commands.block(&aki, "haru").await.unwrap();
        commands.block(&keyed(3, 1), "haru").await.unwrap();
        commands.close_post(&keyed(4, 1), need).await.unwrap();
        commands.leave(&haru).await.unwrap();
        commands.leave(&haru.with_key(Some(key(5)))).await.unwrap();
        for n in 2..=5 {
            let reused = commands.post_need(&keyed(n, 2), new_post("雪かき")).await;
            assert_eq!(reused, Err(CommandError::KeyReused), "{n}");
        }
        assert_eq!(world.count("NeedPosted").await, 1);
    }

    async fn a_repeat_that_races_what_undoes_it_comes_to_one_answer(world: &World) {
        let aki = world.member("aki").await;
        let other = world.another_process().await;
        for n in 0..10 {
            let need = world.commands.post_need(&aki, new_post("草むしり")).await.unwrap();
            let need = PostId::from(NeedId::new(need.id()));
            let keyed = aki.clone().with_key(Some(key(n)));
            let (reopened, closed) = tokio::join!(
                world.commands.reopen_post(&keyed, need),
                other.close_post(&aki, need),
            );
            let (reopened, closed) = (reopened.unwrap(), closed.unwrap());
            let again = world.commands.reopen_post(&keyed, need).await.unwrap();
            assert!(same(&reopened, &again), "{reopened:?} {again:?} {closed:?}");
        }
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
        assert_eq!(code(register(&wrong).await), "user-name-taken");
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
