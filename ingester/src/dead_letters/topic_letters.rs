//! [`TopicLetters`]: the letters of a dead-letter topic.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use spoor_topic::{Extent, KeptRecord, PageBounds, Place, TopicBrowser};

use super::letters::{Letters, LettersError, LettersPage, Stray};
use crate::quarantine::{Letter, LetterId};

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What lies in a dead-letter topic at the time of opening.
///
/// The topic is read twice: first for where each letter lies last, then for the letters.
pub struct TopicLetters {
    browser: Arc<dyn TopicBrowser>,
    topic: String,
    is_there: bool,
    /// Where each letter lies, the last time it was set aside.
    last: HashMap<LetterId, Place>,
    walk: Walk,
}

impl TopicLetters {
    /// Of the dead-letter topic of that name, which the browser looks at.
    ///
    /// # Errors
    /// It cannot be read. One that does not exist holds no letters.
    pub async fn open(browser: Arc<dyn TopicBrowser>, topic: &str) -> Result<Self, LettersError> {
        let extents = browser.extents(soon()).await?;
        let mut walk = Walk::new(extents.clone());
        let mut index = Index::default();
        while let Some(records) = walk.next(&*browser).await? {
            records.into_iter().for_each(|record| index.add(record));
        }
        let is_there = !extents.is_empty();
        Ok(Self {
            browser,
            topic: topic.to_owned(),
            is_there,
            last: index.finish(),
            walk: Walk::new(extents),
        })
    }

    /// Sorts a record into the page; one that was set aside again later is passed over.
    fn sort(&self, record: KeptRecord, page: &mut LettersPage) {
        let place = record.place;
        match Letter::from_record(record) {
            Ok(letter) => {
                if self.last.get(&letter.id()) == Some(&place) {
                    page.letters.push(letter);
                }
            }
            Err(problem) => page.strays.push(Stray {
                place: format!("partition {}, offset {}", place.partition, place.offset),
                problem: problem.to_string(),
            }),
        }
    }
}

#[async_trait]
impl Letters for TopicLetters {
    async fn next_page(&mut self) -> Result<Option<LettersPage>, LettersError> {
        let Some(records) = self.walk.next(&*self.browser).await? else { return Ok(None) };
        let mut page = LettersPage::default();
        for record in records {
            self.sort(record, &mut page);
        }
        Ok(Some(page))
    }

    async fn find(&mut self, id: &LetterId) -> Result<Option<Letter>, LettersError> {
        let Some(place) = self.last.get(id) else { return Ok(None) };
        let one = PageBounds { records: 1, ..PageBounds::default() };
        let page = self.browser.read(place.partition, place.offset, one, soon()).await?;
        let record = page.records.into_iter().find(|record| record.place == *place);
        // It was one when the topic was opened; what retention took since is not there.
        Ok(record.and_then(|record| Letter::from_record(record).ok()))
    }

    async fn was_put_back(&mut self, ids: &[LetterId]) -> Vec<Result<(), LettersError>> {
        vec![Ok(()); ids.len()]
    }

    fn afterwards(&self) -> String {
        format!("they stay in {} until its retention takes them", self.place())
    }

    fn place(&self) -> String {
        let missing = if self.is_there { "" } else { ", which does not exist" };
        format!("topic {}{missing}", self.topic)
    }
}

/// Where letters lie, while the topic is read for the first time.
#[derive(Default)]
struct Index {
    last: HashMap<LetterId, (SystemTime, Place)>,
    /// Each name once.
    topics: HashSet<Arc<str>>,
}

impl Index {
    fn add(&mut self, record: KeptRecord) {
        let place = record.place;
        let Ok(letter) = Letter::from_record(record) else { return };
        let topic = self.topics.get(&letter.topic).cloned().unwrap_or_else(|| Arc::clone(&letter.topic));
        self.topics.insert(Arc::clone(&topic));
        let id = LetterId { topic, place: letter.place };
        // A letter keeps its partition, whose order decides, unless partitions were added: then only clocks can.
        let seen = self.last.entry(id).or_insert((letter.set_aside, place));
        if seen.1.partition == place.partition || seen.0 <= letter.set_aside {
            *seen = (letter.set_aside, place);
        }
    }

    fn finish(self) -> HashMap<LetterId, Place> {
        self.last.into_iter().map(|(id, (_, place))| (id, place)).collect()
    }
}

/// Goes over what lay in the topic when it was opened, partition by partition.
struct Walk {
    /// Those that are not read to their end, the next one last.
    extents: Vec<Extent>,
}

impl Walk {
    fn new(mut extents: Vec<Extent>) -> Self {
        extents.retain(|extent| extent.start < extent.end);
        extents.sort_by_key(|extent| std::cmp::Reverse(extent.partition));
        Self { extents }
    }

    async fn next(&mut self, browser: &dyn TopicBrowser) -> Result<Option<Vec<KeptRecord>>, LettersError> {
        let Some(extent) = self.extents.last_mut() else { return Ok(None) };
        let page = browser.read(extent.partition, extent.start, PageBounds::default(), soon()).await?;
        let end = extent.end;
        match page.next.filter(|next| *next < end) {
            Some(next) => extent.start = next,
            None => drop(self.extents.pop()),
        }
        let mut records = page.records;
        records.retain(|record| record.place.offset < end);
        Ok(Some(records))
    }
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}
