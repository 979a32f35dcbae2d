//! `meguri serve`: the server, until it is told to stop or another process takes its place.

use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use meguri_engine::{OpenViewsError, Prepared, Views};
use meguri_log::Log;
use tokio::net::{TcpListener, lookup_host};
use tokio::time::Instant;

use crate::app::{App, Parts};
use crate::command_line::ServeArgs;
use crate::connections::{self, Ending, Entrance};
use crate::failure::Failure;
use crate::handover::{HandoverError, Offer, Place, Predecessor};
use crate::settings::{Origin, Settings};
use crate::{descriptors, dictionary, last_signed, lost_log, storage};

/// How long a server that is replaced may take after it has answered everyone.
const TO_CLOSE: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM, or until it is replaced, and finishes what was accepted before
/// it returns.
///
/// The first line on `out` says where it listens.
pub async fn run(
    settings: &Settings,
    args: &ServeArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    run_with(settings, args, Parts::default(), out, signalled).await
}

/// As [`run`], put together otherwise, and until what `told_to_stop` begins to wait for. It begins
/// before anybody is told that the server listens, so that it can be stopped from then on.
pub async fn run_with<Told>(
    settings: &Settings,
    args: &ServeArgs,
    parts: Parts,
    out: &mut (dyn Write + Send),
    told_to_stop: impl FnOnce() -> Told + Send,
) -> Result<(), Failure>
where
    Told: Future<Output = ()> + Send + 'static,
{
    // Before the connections of another process arrive.
    descriptors::raise();
    let data = &settings.data.value;
    if args.start_anew {
        lost_log::start_anew(settings).await?;
    }
    let mut parts = parts;
    if let Some(said) = last_signed::said(args).await? {
        parts.last_signed = Some(said);
    }
    let (app, entrance) = if args.replace && Predecessor::find(data).await?.is_some() {
        replace(settings, parts).await?
    } else {
        start(settings, parts).await?
    };
    let address = entrance.listener.local_addr().map_err(failed(settings))?;
    let grace = settings.shutdown_grace.value.duration();
    let offer = Offer::bind(app.views(), data, &entrance.listener, grace);
    let offer = offer.inspect_err(|error| {
        tracing::warn!(%error, "`meguri serve --replace` cannot reach this server");
    });
    let told_to_stop = told_to_stop();
    // Whoever does not read it any more, or has a full disk, is served all the same.
    let greeted = out.write_all(greeting(address).as_bytes());
    if let Err(error) = greeted.and_then(|()| out.flush()) {
        tracing::warn!(%error, %address, "listening, which standard output does not take");
    }
    app.serve(entrance, told(told_to_stop, offer.ok())).await
}

/// Starts where no server runs.
async fn start(settings: &Settings, parts: Parts) -> Result<(App, Entrance), Failure> {
    // Listening comes first: who asks early waits for the answer instead of being refused.
    let listener = listen(settings).await?;
    let app = App::start_with(settings, parts).await?;
    Ok((app, listener.into()))
}

/// Starts in the place of a running server, which serves on until there is nothing left to do but
/// to take over. From then on who connects waits in the queue of the listening socket.
async fn replace(settings: &Settings, parts: Parts) -> Result<(App, Entrance), Failure> {
    let (log, prepared) = prepare(settings, &parts).await?;
    let (entrance, pid, until) = match take_over(settings).await {
        Ok(taken) => taken,
        Err(failure) => {
            log.close().await;
            return Err(failure);
        }
    };
    prepared.release().await;
    let app = App::start_on(log, settings, parts, until).await;
    match app {
        Ok(app) => Ok((app, entrance)),
        Err(Failure::Views(OpenViewsError::Owned(_))) => Err(Failure::NotFreed { pid }),
        Err(failure) => Err(failure),
    }
}

/// Does beside the running server what takes time: what fails here fails while it serves on.
async fn prepare(settings: &Settings, parts: &Parts) -> Result<(Log, Prepared), Failure> {
    let log = storage::open_to_serve(settings, Arc::clone(&parts.clock)).await?;
    let prepared = prepare_views(&log, settings, parts).await;
    match prepared {
        Ok(prepared) => {
            tracing::info!(views = ?prepared.names(), "built beside the running server");
            Ok((log, prepared))
        }
        Err(failure) => {
            log.close().await;
            Err(failure)
        }
    }
}

async fn prepare_views(log: &Log, settings: &Settings, parts: &Parts) -> Result<Prepared, Failure> {
    let how = dictionary::searching(settings, parts.views.clone())?;
    Ok(Views::prepare(log, &storage::views_folder(settings), &how).await?)
}

/// Asks the running server to make way. Gives where clients come in, and until when the views of
/// that process have to be free.
async fn take_over(settings: &Settings) -> Result<(Entrance, u32, Instant), Failure> {
    let Some(mut running) = Predecessor::find(&settings.data.value).await? else {
        return Err(HandoverError::Refused.into());
    };
    let Place {
        listener,
        address,
        pid,
        grace,
    } = running.place().await?;
    let listener = if is_wanted(address, settings).await? {
        TcpListener::from_std(listener).map_err(failed(settings))?
    } else {
        listen(settings).await?
    };
    let until = Instant::now() + grace + TO_CLOSE;
    let kept = running.make_way(until).await?;
    tracing::info!(
        connections = kept.len(),
        "taking the place of process {pid}"
    );
    Ok((Entrance { listener, kept }, pid, until))
}

/// Whether the settings ask for this address, or for none; port 0 asks for any port.
async fn is_wanted(address: SocketAddr, settings: &Settings) -> Result<bool, Failure> {
    if settings.listen.origin == Origin::Default {
        return Ok(true);
    }
    let wanted = lookup_host(&settings.listen.value)
        .await
        .map_err(failed(settings))?;
    let mut wanted = wanted.filter(|it| it.ip() == address.ip());
    Ok(wanted.any(|it| it.port() == 0 || it.port() == address.port()))
}

async fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let listener = connections::listen(&settings.listen.value).await;
    listener.map_err(failed(settings))
}

fn failed(settings: &Settings) -> impl FnOnce(io::Error) -> Failure {
    let address = settings.listen.value.clone();
    move |source| Failure::Listen { address, source }
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

/// Waits for a signal, or for the process that takes the place of this one.
async fn told(told_to_stop: impl Future<Output = ()>, offer: Option<Offer>) -> Ending {
    let replaced = async {
        match offer {
            Some(offer) => offer.taken().await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = told_to_stop => Ending::Stop,
        successor = replaced => Ending::Replaced(successor),
    }
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM (what service managers send). They are heard from the call
/// on, not from the first time that the answer is waited for: until then they end the process.
pub(crate) fn signalled() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let heard = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::interrupt())
            .and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)))
    };
    async {
        #[cfg(unix)]
        let heard = match heard {
            Ok((mut interrupt, mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                Ok(())
            }
            Err(error) => Err(error),
        };
        #[cfg(not(unix))]
        let heard = tokio::signal::ctrl_c().await;
        if let Err(error) = heard {
            tracing::error!(%error, "cannot hear signals; stop the process by force");
            pending::<()>().await;
        }
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
