//! `meguri witness`: remember what was seen of other logs, and cosign what has only grown since
//! (C2SP tlog-witness).

mod client;
mod routes;

use std::io::Write;
use std::sync::Arc;

use meguri_log::{SigningKey, SystemClock, WitnessMemoryError, Witnessing};
use meguri_proofs::Cosigner;

use crate::app::connection_limits;
use crate::command_line::WitnessArgs;
use crate::connections::{self, Connections, Ending};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::storage;
pub use client::HttpWitness;

/// Name of the file of the witness's key in the data folder.
const KEY_FILE: &str = "witness.key";
/// Name of the folder of what was seen in the data folder.
const FOLDER: &str = "witness";

/// Serves until it is told to stop.
pub async fn run(
    settings: &Settings,
    args: &WitnessArgs,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let data = &settings.data.value;
    storage::make_folder(data)?;
    let key = SigningKey::File(data.join(KEY_FILE)).signer(args.name.as_ref())?;
    let cosigner = Cosigner::new(key);
    let clock = Arc::new(SystemClock);
    let witnessing = Witnessing::open(&data.join(FOLDER), args.log.clone(), cosigner, clock);
    let witnessing = witnessing.map_err(|error| match error {
        WitnessMemoryError::InUse(folder) => Failure::WitnessInUse(folder),
        WitnessMemoryError::Folder { path, source } => Failure::Folder { path, source },
    })?;
    let listen = &settings.listen.value;
    let failed = |source| Failure::Listen {
        address: listen.clone(),
        source,
    };
    let told_to_stop = crate::serve::signalled();
    let listener = connections::listen(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let witness = witnessing.key();
    let logs: Vec<_> = args.log.iter().map(|log| log.name().as_str()).collect();
    let greeting = format!(
        "Witnessing {} on http://{address}\n\nTo be named by who publishes them:\n  \
         MEGURI_WITNESSES='{witness} http://{address}'\n",
        logs.join(", ")
    );
    // Whoever does not read it any more, or has a full disk, is served all the same.
    let greeted = out.write_all(greeting.as_bytes());
    if let Err(error) = greeted.and_then(|()| out.flush()) {
        tracing::warn!(%error, %address, %witness, "witnessing");
    }
    let router = routes::router(Arc::new(witnessing), settings.trusted_proxies.value.clone());
    let mut connections = Connections::new(router, connection_limits(settings));
    connections.accept(listener.into(), told_to_stop).await;
    let grace = settings.shutdown_grace.value.duration();
    let answered = connections.finish(Ending::Stop);
    if tokio::time::timeout(grace, answered).await.is_err() {
        tracing::warn!(?grace, "some clients did not finish in time");
    }
    Ok(())
}
