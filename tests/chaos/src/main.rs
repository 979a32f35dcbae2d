//! One process of writers, as its orders say; or the whole of `make ha`.
#![allow(clippy::expect_used, reason = "it stops where it cannot go on")]

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let orders = std::env::args().nth(1).expect("orders");
    if orders == "high-availability" {
        return meguri_chaos::high_availability::run().await;
    }
    let orders = serde_json::from_str(&orders).expect("orders are JSON");
    meguri_chaos::load::run(orders).await;
}
