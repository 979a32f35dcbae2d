//! `meguri serve`: the server, until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::app::App;
use crate::failure::{Failure, to_stdout};
use crate::settings::Settings;

/// Serves until SIGINT or SIGTERM, and finishes what was accepted before it returns.
///
/// The first line on `out` says where it listens.
pub async fn run(settings: &Settings, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let address = &settings.listen.value;
    let failed = |source| Failure::Listen {
        address: address.clone(),
        source,
    };
    // Listening comes first: who asks early waits for the answer instead of being refused.
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let app = App::start(settings).await?;
    out.write_all(greeting(bound).as_bytes())
        .and_then(|()| out.flush())
        .map_err(to_stdout)?;
    app.serve(listener, told_to_stop()).await
}

fn greeting(address: SocketAddr) -> String {
    let url = format!("http://{address}");
    format!(
        "Meguri is listening on {url}

Try next:
  curl {url}/api/board                 what members need and offer
  curl {url}/api/status                the log and its views
  open {url}/api                       every route, for people

A first member:
  curl {url}/api/members -H 'content-type: application/json' -H 'idempotency-key: 1' \\
    -d '{{\"user_name\":\"hanako\",\"nickname\":\"はなこ\",\"mail\":\"hanako@example.jp\",\
\"password\":\"correct horse battery\"}}'

A whole community: meguri demo          Stop: Ctrl-C
"
    )
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM (what service managers send).
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            },
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "cannot hear signals; stop the process by force");
                std::future::pending::<()>().await;
            }
        }
    }
    #[cfg(not(unix))]
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "cannot hear signals; stop the process by force");
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_first_line_says_where_it_listens_and_the_rest_what_to_try() {
        insta::assert_snapshot!(greeting("127.0.0.1:8080".parse().unwrap()));
    }
}
