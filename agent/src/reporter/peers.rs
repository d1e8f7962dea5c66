//! The collectors: which there are, by name or by looking up, and whose turn it is.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use spoor_pipeline::Quiet;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::peer::{Call, Keeper, Peer};
use super::target::{Place, Target};

/// How often it is looked whether enough of a name's collectors are well.
const LOOK: Duration = Duration::from_millis(500);

/// Looks up a name's addresses.
pub(super) type Resolve =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's way to look up names.
pub(super) fn system_resolver() -> Resolve {
    Arc::new(|host, port| Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) }))
}

/// All collectors that are in use.
#[derive(Debug)]
pub(crate) struct Peers {
    list: RwLock<Vec<Arc<Peer>>>,
    ready: Arc<Notify>,
    turn: AtomicUsize,
}

impl Peers {
    pub(super) fn new(ready: Arc<Notify>) -> Self {
        Self { list: RwLock::default(), ready, turn: AtomicUsize::new(fastrand::usize(..1 << 20)) }
    }

    /// A collector that is well, as soon as there is one: in turn, of those with the fewest calls under way.
    pub(crate) async fn next(&self) -> Call {
        loop {
            // It hears of what happens from here on.
            let ready = self.ready.notified();
            if let Some(call) = self.next_now() {
                return call;
            }
            ready.await;
        }
    }

    /// The same, if there is one now.
    pub(crate) fn next_now(&self) -> Option<Call> {
        let list = self.list();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let inner = (0..list.len()).map(|step| &list[first.wrapping_add(step) % list.len()]);
        let mut loads: Vec<_> = inner.filter_map(|peer| Some((peer.load()?, peer))).collect();
        loads.sort_by_key(|(load, _)| *load);
        // One of them may have closed its connection since.
        loads.into_iter().find_map(|(_, peer)| peer.begin())
    }

    fn list(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Peer>>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes exactly these places into use; those that stay keep their connections.
    fn set(&self, places: &[Place], keeper: &Keeper) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.retain(|peer| {
            let stays = places.contains(&peer.place);
            if !stays {
                peer.stop.cancel();
            }
            stays
        });
        for place in places {
            if list.iter().all(|peer| peer.place != *place) {
                let peer = Arc::new(Peer::new(place.clone()));
                tokio::spawn(Arc::clone(&peer).keep(keeper.clone()));
                list.push(peer);
            }
        }
    }

    /// How many are well.
    #[cfg(test)]
    pub(super) fn well(&self) -> usize {
        self.list().iter().filter(|peer| peer.load().is_some()).count()
    }

    /// Whether this address is one of those in use.
    #[cfg(test)]
    pub(super) fn uses(&self, address: SocketAddr) -> bool {
        self.list().iter().any(|peer| peer.place.address == Some(address))
    }

    fn is_well(&self, place: &Place) -> bool {
        self.list().iter().any(|peer| peer.place == *place && peer.load().is_some())
    }
}

/// Keeps the list of collectors up to date.
pub(super) struct Finder {
    pub(super) targets: Vec<Target>,
    pub(super) peers: Arc<Peers>,
    pub(super) keeper: Keeper,
    pub(super) resolve: Resolve,
    pub(super) interval: Duration,
    /// Of a name's addresses.
    pub(super) min_peers: usize,
}

/// The addresses of one name, in this agent's own order of preference.
#[derive(Debug, Default)]
struct Name {
    places: Vec<Place>,
    /// How many of them are in use.
    used: usize,
    quiet: Quiet,
}

impl Finder {
    /// Runs until `stop`; the collectors are let go then.
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_looking() => {}
        }
        self.peers.set(&[], &self.keeper);
    }

    async fn keep_looking(&self) {
        let fixed: Vec<Place> = self
            .targets
            .iter()
            .filter(|target| !target.all)
            .map(|target| Place { host: target.host.clone(), port: target.port, address: None })
            .collect();
        let named: Vec<&Target> = self.targets.iter().filter(|target| target.all).collect();
        if named.is_empty() {
            self.peers.set(&fixed, &self.keeper);
            return std::future::pending().await;
        }
        // Another order in each agent, and the same one as long as it lives.
        let salt = foldhash::quality::RandomState::default();
        let mut names: Vec<Name> = named.iter().map(|_| Name::default()).collect();
        let mut next_look_up = Instant::now();
        loop {
            if Instant::now() >= next_look_up {
                next_look_up = Instant::now() + self.interval;
                for (target, name) in named.iter().zip(&mut names) {
                    self.look_up(target, name, &salt).await;
                }
                // A name without any address is asked for again soon.
                if names.iter().any(|name| name.places.is_empty()) {
                    next_look_up = Instant::now() + self.interval.min(Duration::from_secs(2));
                }
            }
            let mut places = fixed.clone();
            for name in &mut names {
                name.used = self.enough_of(name);
                places.extend(name.places.iter().take(name.used).cloned());
            }
            self.peers.set(&places, &self.keeper);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What cannot be looked up stays as it was.
    async fn look_up(&self, target: &Target, name: &mut Name, salt: &impl BuildHasher) {
        let found = (self.resolve)(target.host.clone(), target.port).await;
        let problem = match found {
            Ok(addresses) if !addresses.is_empty() => {
                let unique: HashSet<SocketAddr> = addresses.into_iter().collect();
                let mut ranked: Vec<(u64, SocketAddr)> =
                    unique.into_iter().map(|address| (salt.hash_one(address), address)).collect();
                ranked.sort_unstable();
                let place = |(_, address)| Place {
                    host: target.host.clone(),
                    port: target.port,
                    address: Some(address),
                };
                name.places = ranked.into_iter().map(place).collect();
                return;
            }
            Ok(_) => "it has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        if name.quiet.allows().is_some() {
            tracing::warn!(
                name = target.host,
                problem,
                "cannot look up the collectors; going on with those known"
            );
        }
    }

    /// The first so many that hold `min_peers` that are well; one more than last time while there are too few.
    fn enough_of(&self, name: &Name) -> usize {
        let mut well = 0;
        for (index, place) in name.places.iter().take(name.used).enumerate() {
            well += usize::from(self.peers.is_well(place));
            if well >= self.min_peers {
                return index + 1;
            }
        }
        (name.used + 1).max(self.min_peers).min(name.places.len())
    }
}
