//! Matches: a member is told of a new post once, however often it is asked, and never wrongly.

use meguri_commands::{Caller, policies::Trigger};
use meguri_events::{NeedId, PostId};
use meguri_log::{StreamName, StreamRange, Version};

use meguri_test_community::{World, new_post, on_both_backends};

/// A new Need: its id, and the event that a policy reacts to.
async fn posted(world: &World, author: &Caller) -> (PostId, Trigger) {
    let done = world
        .commands
        .post_need(author, new_post("庖丁を研いでほしい"))
        .await
        .unwrap();
    let post = PostId::from(NeedId::new(done.id()));
    let stream = StreamName::new(post.stream()).unwrap();
    let first = StreamRange::forward_from(Version::new(1));
    let events = world.log().read_stream(&stream, first).await.unwrap();
    let header = events[0].header().unwrap().unwrap();
    let trigger = Trigger {
        position: events[0].position(),
        event: header.id,
        correlation: header.correlation,
    };
    (post, trigger)
}

on_both_backends! {
    async fn a_member_is_told_once_by_however_many_processes(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&haru).await;
        let (need, trigger) = posted(world, &aki).await;
        let (haru, other) = (haru.id().unwrap(), world.another_process().await);
        let told = [offer];
        let (one, two) = tokio::join!(
            world.commands.tell_of_match(&trigger, need, haru, &told),
            other.tell_of_match(&trigger, need, haru, &told),
        );
        assert_eq!(one.unwrap().position, two.unwrap().position);
        let again = other.tell_of_match(&trigger, need, haru, &told).await.unwrap();
        assert!(again.repeated);
        assert_eq!(world.types_in(&haru.match_stream()).await, ["PostMatched"]);
        let actors = world.types().await;
        assert!(actors.contains(&("PostMatched".to_owned(), "policy-matches".to_owned())));
    }

    async fn of_several_new_posts_one_is_told_each_time(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&haru).await;
        let haru = haru.id().unwrap();
        for _ in 0..3 {
            let (need, trigger) = posted(world, &aki).await;
            world.commands.tell_of_match(&trigger, need, haru, &[offer]).await.unwrap();
        }
        assert_eq!(world.types_in(&haru.match_stream()).await, ["PostMatched"; 3]);
    }

    async fn nothing_is_told_over_a_block_or_once_the_post_is_closed_c12(world: &World) {
        let (aki, haru) = (world.member("aki").await, world.member("haru").await);
        let offer = world.offer(&haru).await;
        let told = haru.id().unwrap();
        let (need, trigger) = posted(world, &aki).await;
        world.commands.block(&haru, "aki").await.unwrap();
        world.commands.tell_of_match(&trigger, need, told, &[offer]).await.unwrap();
        world.commands.unblock(&haru, "aki").await.unwrap();
        world.commands.close_post(&aki, need).await.unwrap();
        // This process has kept the post as it was when it was open.
        let other = world.another_process().await;
        other.tell_of_match(&trigger, need, told, &[offer]).await.unwrap();
        assert_eq!(world.count("PostMatched").await, 0);
    }
}
