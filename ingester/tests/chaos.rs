//! The account holds whatever happens: faults drawn from a seed while ingesters work.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use spoor_proto::record::Encoding;
use spoor_topic::Place;
use spoor_topic::memory::MemoryTopic;

use support::{Key, Running, Store, Ward, config, ends, generated, lag, poison, produce, start, until};

struct Scene {
    rng: Rng,
    topic: MemoryTopic,
    store: Arc<Store>,
    ward: Arc<Ward>,
    running: Vec<Running>,
    keys: Vec<Key>,
    poisons: Vec<Place>,
    next_seed: u64,
}

impl Scene {
    fn start(&mut self) {
        let small = config(&["--ingester.batch-max-records=64", "--ingester.parallelism=3"]);
        self.running.push(start(&self.topic, &self.store, &self.ward, &small));
    }

    async fn step(&mut self) {
        match self.rng.u8(..12) {
            0..3 => {
                self.next_seed += 1;
                let batches = generated(self.rng.u64(50..600), self.next_seed);
                self.keys.extend(produce(&self.topic, &batches, Encoding::Protobuf).await);
            }
            3 | 4 => {
                let bytes: Vec<u8> = (0..self.rng.usize(..40)).map(|_| self.rng.u8(..) | 0x80).collect();
                self.poisons.push(poison(&self.topic, Some(&bytes)).await);
            }
            5 => self.store.down.store(self.rng.bool(), Ordering::Relaxed),
            6 => self.ward.down.store(self.rng.bool(), Ordering::Relaxed),
            7 => {
                let most = if self.rng.bool() { usize::MAX } else { self.rng.usize(1..200) };
                self.store.stores_at_most.store(most, Ordering::Relaxed);
            }
            8 if self.running.len() < 4 => self.start(),
            9 if self.running.len() > 1 => {
                let index = self.rng.usize(..self.running.len());
                self.running.swap_remove(index).kill();
            }
            10 if self.running.len() > 1 => {
                let index = self.rng.usize(..self.running.len());
                self.running.swap_remove(index).stop().await.expect("it stops");
            }
            11 if self.topic.partitions() < 6 => self.topic.add_partitions(1),
            _ => tokio::time::sleep(Duration::from_millis(self.rng.u64(..20))).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_span_is_stored_and_every_poisoned_record_set_aside() {
    let seed = std::env::var("SPOOR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("repeat with SPOOR_TEST_SEED={seed}");
    let mut scene = Scene {
        rng: Rng::with_seed(seed),
        topic: MemoryTopic::new(3),
        store: Store::new(),
        ward: Arc::new(Ward::default()),
        running: Vec::new(),
        keys: Vec::new(),
        poisons: Vec::new(),
        next_seed: seed,
    };
    *scene.store.latency.lock().unwrap() = Duration::from_millis(2);
    scene.start();
    for _ in 0..300 {
        scene.step().await;
    }
    scene.store.down.store(false, Ordering::Relaxed);
    scene.store.stores_at_most.store(usize::MAX, Ordering::Relaxed);
    scene.ward.down.store(false, Ordering::Relaxed);
    let ends = ends(&scene.topic).await;
    until("all is committed", || lag(&scene.topic, &ends) == 0).await;
    assert!(scene.store.holds(&scene.keys), "every span is stored");
    let letters = scene.ward.by_origin();
    let set_aside: Vec<Place> = letters.keys().copied().collect();
    scene.poisons.sort_unstable();
    assert_eq!(set_aside, scene.poisons, "these and no others are set aside");
    for running in scene.running {
        let count = |name: &str| running.metric(&format!("spoor_ingester_records_{name}"));
        let settled = count("stored_total") + count("quarantined_total") + count("given_back_total");
        assert_eq!(count("read_total"), settled + count("in_flight"));
        running.stop().await.expect("it stops");
    }
}
