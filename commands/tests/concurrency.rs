//! Several at once: conflicts are decided again from fresh state, and one claim has one holder.

use meguri_commands::{
    Abort, Agreement, Cancellation, CommandError, NewMessage, NewTerms, NewThanks, RefusalKind,
};
use meguri_events::{ExchangeId, Mode};
use tokio::join;

use meguri_test_community::{World, code, new_member, new_post, on_both_backends, request};

on_both_backends! {
    async fn both_parties_report_at_once_and_it_is_completed_once_h23(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        for _ in 0..10 {
            let exchange = world.started(&aki, &haru).await;
            let (one, two) = join!(
                world.commands.report_completion(&aki, exchange),
                world.commands.report_completion(&haru, exchange),
            );
            one.unwrap();
            two.unwrap();
            let types = world.types_in(&exchange.stream()).await;
            assert_eq!(
                types[types.len() - 3..],
                ["CompletionReported", "CompletionReported", "ExchangeCompleted"],
            );
        }
    }

    async fn both_parties_write_at_once_and_no_message_is_lost(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.started(&aki, &haru).await;
        let other = world.another_process().await;
        let message = |text: &str| NewMessage {
            text: text.to_owned(),
            keep_negotiating: false,
            terms_version: None,
        };
        for _ in 0..10 {
            let (one, two, three) = join!(
                world.commands.post_message(&aki, exchange, message("今から行きます")),
                world.commands.post_message(&haru, exchange, message("待っています")),
                other.post_message(&haru, exchange, message("別の端末から")),
            );
            one.unwrap();
            two.unwrap();
            three.unwrap();
        }
        assert_eq!(world.count("MessagePosted").await, 30);
    }

    async fn an_answer_never_agrees_to_terms_that_came_in_between_h25(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let other = world.another_process().await;
        for _ in 0..10 {
            let exchange = world.requested(&aki, &haru).await;
            let answer = NewMessage {
                text: "よろこんで".to_owned(),
                keep_negotiating: false,
                terms_version: Some(0),
            };
            let terms = NewTerms {
                what: "別の条件".to_owned(),
                when: None,
                mode: Mode::Online,
                in_return: None,
            };
            let (answered, proposed) = join!(
                world.commands.post_message(&aki, exchange, answer.clone()),
                other.propose_terms(&haru, exchange, terms),
            );
            match (answered, proposed) {
                (Ok(_), refused) => assert_eq!(code(refused), "not-negotiating"),
                (refused, Ok(_)) => {
                    assert_eq!(code(refused), "terms-changed");
                    // Seen now, and agreed to by its number.
                    let answer = NewMessage { terms_version: Some(1), ..answer };
                    world.commands.post_message(&aki, exchange, answer).await.unwrap();
                }
                (one, two) => panic!("{one:?} {two:?}"),
            }
            let types = world.types_in(&exchange.stream()).await;
            assert_eq!(types.last().map(String::as_str), Some("ExchangeStarted"));
        }
    }

    async fn two_who_want_one_user_name_at_once_one_gets_it_k23(world: &World) {
        let other = world.another_process().await;
        for n in 0..10 {
            let mut second = new_member(&format!("sakura{n}"));
            second.mail = format!("other{n}@example.jp");
            let (one, two) = join!(
                world.commands.register(new_member(&format!("sakura{n}")), None),
                other.register(second, None),
            );
            let refused = if one.is_ok() { two } else { one };
            assert_eq!(code(refused), "user-name-taken");
        }
        assert_eq!(world.count("MemberRegistered").await, 10);
    }

    async fn two_requests_of_one_member_on_one_offer_at_once_open_one_exchange_h05(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&aki).await;
        let (one, two) = join!(
            world.commands.open_exchange(&haru, offer, request()),
            world.commands.open_exchange(&haru, offer, request()),
        );
        let (opened, refused) = if one.is_ok() { (one, two) } else { (two, one) };
        assert_eq!(code(refused), "exchange-open");

        // What was cancelled stands in nobody's way.
        let exchange = ExchangeId::new(opened.unwrap().id());
        world.commands.cancel(&haru, exchange, Cancellation::default()).await.unwrap();
        world.commands.open_exchange(&haru, offer, request()).await.unwrap();
        assert_eq!(world.count("ExchangeRequested").await, 2);
    }

    async fn however_an_exchange_ends_another_can_be_opened_h05(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&aki).await;
        let commands = &world.commands;
        for end in ["completed", "aborted", "cancelled"] {
            let opened = commands.open_exchange(&haru, offer, request()).await.unwrap();
            let exchange = ExchangeId::new(opened.id());
            if end == "cancelled" {
                commands.cancel(&aki, exchange, Cancellation::default()).await.unwrap();
                continue;
            }
            commands.agree(&aki, exchange, Agreement { terms_version: 0 }).await.unwrap();
            let refused = commands.open_exchange(&haru, offer, request()).await;
            assert_eq!(code(refused), "exchange-open");
            if end == "aborted" {
                let why = Abort { reason: "都合が悪くなりました".to_owned() };
                commands.abort(&haru, exchange, why).await.unwrap();
            } else {
                commands.report_completion(&aki, exchange).await.unwrap();
                commands.report_completion(&haru, exchange).await.unwrap();
            }
        }
        commands.open_exchange(&haru, offer, request()).await.unwrap();
        assert_eq!(world.count("ClaimReleased").await, 3);
    }

    async fn a_refusal_is_proven_on_fresh_state(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let exchange = world.requested(&aki, &haru).await;
        let other = world.another_process().await;
        // This process remembers a negotiation, and nothing tells it that it is over.
        let refused = world.commands.report_completion(&haru, exchange).await;
        assert_eq!(code(refused), "not-in-progress");
        other.agree(&aki, exchange, Agreement { terms_version: 0 }).await.unwrap();
        other.report_completion(&aki, exchange).await.unwrap();
        world.commands.send_thanks(&haru, exchange, NewThanks::default()).await.unwrap();
    }

    async fn who_leaves_while_others_ask_is_not_asked_any_more_h01(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&aki).await;
        let other = world.another_process().await;
        world.commands.open_exchange(&haru, offer, request()).await.unwrap();
        let natsu = world.member("natsu").await;
        other.leave(&aki).await.unwrap();
        // The cached states of owner and offer are old now; the append says so.
        let refused = world.commands.open_exchange(&natsu, offer, request()).await;
        assert_eq!(code(refused), "author-has-left");
        let refused = world.commands.post_offer(&aki, new_post("もう一つ")).await;
        assert_eq!(code(refused), "member-has-left");
    }

    async fn an_exchange_is_hidden_from_strangers(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let natsu = world.member("natsu").await;
        let exchange = world.requested(&aki, &haru).await;
        let message = NewMessage {
            text: "入れて".to_owned(),
            keep_negotiating: true,
            terms_version: None,
        };
        let refused = world.commands.post_message(&natsu, exchange, message).await.unwrap_err();
        assert!(
            matches!(&refused, CommandError::Refused(it) if it.kind == RefusalKind::Hidden),
            "{refused:?}"
        );
        let unknown = ExchangeId::new(uuid::Uuid::nil());
        let missing = world.commands.report_completion(&natsu, unknown).await;
        assert_eq!(missing, Err(CommandError::NotFound));
    }
}
