//! Places for connections: a share for each address, and which one makes way when others come.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use meguri_commands::{Buckets, ClientAddress, Rate};
use tokio::task::{AbortHandle, Id};

use super::ConnectionLimits;
use super::wire::Exchanges;

/// How many connections a minute one address may open in the long run.
const OPENED_A_MINUTE: u32 = 3_000;

/// Where a connection is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Among the connections that anybody may have.
    Common,
    /// Among those that are kept for those who run the server.
    Reserve,
}

/// The places of all connections.
pub(super) struct Places {
    limits: ConnectionLimits,
    common: Rooms,
    reserve: Rooms,
    by_task: HashMap<Id, (ClientAddress, Room)>,
    pace: Buckets,
}

/// The connections of one room, by client.
#[derive(Default)]
struct Rooms {
    count: usize,
    of: HashMap<ClientAddress, HashMap<Id, Place>>,
}

struct Place {
    exchanges: Arc<Exchanges>,
    task: AbortHandle,
}

impl Places {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        let burst = u32::try_from(limits.of_one * 2).unwrap_or(u32::MAX);
        Self {
            limits: limits.clone(),
            common: Rooms::default(),
            reserve: Rooms::default(),
            by_task: HashMap::new(),
            pace: Buckets::new(Rate {
                burst,
                per_minute: OPENED_A_MINUTE,
            }),
        }
    }

    /// Where one more connection of this client is counted; nowhere where there is no place for
    /// it.
    ///
    /// A client that has its share gives up its own connection that has waited for it longest.
    /// Where all are taken, the client that has the most gives up one, and among those that have as
    /// many the one that has waited longest: a client that comes anew finds a place even where
    /// everybody has but one. Only a connection on which nothing is at work is given up.
    pub(super) fn find(&mut self, peer: IpAddr) -> Option<Room> {
        let client = ClientAddress::from(peer).network();
        let all = self.limits.all;
        let proxy = self.limits.trusted_proxies.trust(peer);
        let of_one = if proxy { all } else { self.limits.of_one };
        let own = self.common.of(client);
        // The programs of this machine may begin as many as they like, one after the other.
        if !proxy && (own >= of_one || !ClientAddress::from(peer).is_this_machine()) {
            self.pace.take(&client.to_string(), Instant::now()).ok()?;
        }
        if own >= of_one {
            if self.give_up(Room::Common, client) {
                return Some(Room::Common);
            }
        } else if self.common.count < all || self.give_up_richest(Room::Common, own) {
            return Some(Room::Common);
        }
        let own = self.reserve.of(client);
        let fits = if own >= self.limits.reserve_of_one {
            self.give_up(Room::Reserve, client)
        } else {
            self.reserve.count < self.limits.reserve || self.give_up_richest(Room::Reserve, own)
        };
        fits.then_some(Room::Reserve)
    }

    /// Counts a connection.
    pub(super) fn enter(
        &mut self,
        client: ClientAddress,
        room: Room,
        exchanges: Arc<Exchanges>,
        task: AbortHandle,
    ) {
        let id = task.id();
        self.by_task.insert(id, (client, room));
        let rooms = self.rooms(room);
        rooms.count += 1;
        let place = Place { exchanges, task };
        rooms.of.entry(client).or_default().insert(id, place);
        self.tell();
    }

    /// Counts it no more.
    pub(super) fn leave(&mut self, task: Id) {
        self.remove(task);
    }

    #[expect(clippy::cast_precision_loss, reason = "there are few thousand")]
    fn tell(&self) {
        metrics::gauge!("meguri_connections", "room" => "common").set(self.common.count as f64);
        metrics::gauge!("meguri_connections", "room" => "reserve").set(self.reserve.count as f64);
    }

    /// Gives up connections that wait for their clients, where descriptors have run out.
    pub(super) fn give_up_some(&mut self, many: usize) {
        for _ in 0..many {
            if !self.give_up_richest(Room::Common, 0) {
                break;
            }
        }
    }

    fn rooms(&mut self, room: Room) -> &mut Rooms {
        match room {
            Room::Common => &mut self.common,
            Room::Reserve => &mut self.reserve,
        }
    }

    /// Closes the connection that has waited longest of those whose clients have the most, if
    /// these have more than that.
    fn give_up_richest(&mut self, room: Room, more_than: usize) -> bool {
        let clients = self.rooms(room).of.values();
        let waiting = clients
            .filter(|own| own.len() > more_than)
            .filter_map(|own| {
                let (since, id) = longest_waiting(own)?;
                Some((Reverse(own.len()), since, id))
            });
        let found = waiting.min_by_key(|(most, since, _)| (*most, *since));
        found.map(|(_, _, id)| self.close(id)).is_some()
    }

    /// Closes the connection that has waited for this client longest, if there is one.
    fn give_up(&mut self, room: Room, client: ClientAddress) -> bool {
        let own = self.rooms(room).of.get(&client);
        let found = own.and_then(longest_waiting);
        found.map(|(_, id)| self.close(id)).is_some()
    }

    /// Its descriptor is free a moment later.
    fn close(&mut self, id: Id) {
        if let Some(place) = self.remove(id) {
            place.task.abort();
            metrics::counter!("meguri_connections_given_up_total").increment(1);
        }
    }

    fn remove(&mut self, task: Id) -> Option<Place> {
        let (client, room) = self.by_task.remove(&task)?;
        let place = self.rooms(room).remove(client, task);
        self.tell();
        place
    }
}

/// The connection that has waited for its client longest, and since when.
fn longest_waiting(own: &HashMap<Id, Place>) -> Option<(u64, Id)> {
    let waiting = own.iter().filter_map(|(id, place)| {
        let since = place.exchanges.waits_since()?;
        Some((since, *id))
    });
    waiting.min_by_key(|(since, _)| *since)
}

impl Rooms {
    fn of(&self, client: ClientAddress) -> usize {
        self.of.get(&client).map_or(0, HashMap::len)
    }

    fn remove(&mut self, client: ClientAddress, task: Id) -> Option<Place> {
        let own = self.of.get_mut(&client)?;
        let place = own.remove(&task)?;
        if own.is_empty() {
            self.of.remove(&client);
        }
        self.count -= 1;
        Some(place)
    }
}
