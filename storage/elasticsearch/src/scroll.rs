//! All documents that satisfy a search, however many: a page where one is enough, else a scroll, which is one moment's view of the
//! indices and loses nothing between its pages, on every version of the servers. (`search_after` would need a key that no two
//! documents share; these documents have none that can be sorted by everywhere.)

use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use spoor_storage::{ReadError, ReadErrorKind, RequestContext};

use crate::access::{Access, parse_json, search_path};
use crate::client::Request;
use crate::index::Targets;
use crate::turns::Room;
use crate::wholeness::{Shards, WHOLENESS};

/// How long the store keeps the rest ready between two pages.
const KEPT: &str = "1m";
const HITS: &str = "hits.hits._source,hits.hits.sort";
/// More documents than this are not held at once.
const MOST_DOCUMENTS: usize = 1_000_000;

/// What is searched.
pub(crate) struct Scroll<'a> {
    pub(crate) access: &'a Access,
    pub(crate) targets: &'a Targets,
    /// Without a size.
    pub(crate) body: Value,
    /// Documents in a page.
    pub(crate) page: u32,
    pub(crate) attempted: &'a str,
}

/// A document that was found.
#[derive(Debug, Deserialize)]
pub(crate) struct Hit<'a> {
    #[serde(rename = "_source", borrow)]
    pub(crate) source: &'a RawValue,
    /// The values of the sort, as the store wrote them.
    #[serde(default, borrow)]
    pub(crate) sort: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Page<'a> {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(default, rename = "_scroll_id")]
    scroll_id: Option<String>,
    /// Nothing where no index exists, or no document is left.
    #[serde(default, borrow)]
    hits: Hits<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Hits<'a> {
    #[serde(default, borrow)]
    hits: Vec<Hit<'a>>,
}

impl Scroll<'_> {
    /// Gives every document that is found to `take`, in the order of the search's sort.
    pub(crate) async fn each(
        mut self,
        context: &RequestContext,
        mut take: impl FnMut(&Hit<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.body["size"] = json!(self.page);
        let first = self.access.search(context, self.targets, HITS, &self.body, self.attempted).await?;
        let page = self.read(&first)?;
        if page.hits.hits.len() < self.page as usize {
            return page.hits.hits.iter().try_for_each(take);
        }
        // The scroll takes a turn of its own: who held one meanwhile could wait for itself.
        drop(first);
        // Servers refuse it in a scroll.
        self.body.as_object_mut().and_then(|body| body.remove("track_total_hits"));
        self.scroll(context, &mut take).await
    }

    async fn scroll(
        &self,
        context: &RequestContext,
        take: &mut impl FnMut(&Hit<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut taken = 0;
        let path = search_path(self.targets, &format!("scroll={KEPT}&"), &format!("_scroll_id,{HITS}"));
        let mut request = Request::search(path, self.body.to_string().into_bytes(), self.attempted);
        loop {
            let reply = self.access.ask_within(Room::Most, context, request).await?;
            let page = self.read(&reply)?;
            taken += page.hits.hits.len();
            let all_taken = page.hits.hits.iter().try_for_each(&mut *take);
            let Some(scroll_id) = page.scroll_id else {
                return all_taken.and_then(|()| self.without_more(&page.hits));
            };
            if all_taken.is_err() || page.hits.hits.is_empty() {
                self.forget(context, &scroll_id).await;
                return all_taken;
            }
            if taken > MOST_DOCUMENTS {
                self.forget(context, &scroll_id).await;
                let what = format!("there are more than {MOST_DOCUMENTS} documents; ask for a shorter time");
                return Err(ReadError::new(ReadErrorKind::Invalid, self.attempted, what));
            }
            let body = json!({ "scroll": KEPT, "scroll_id": scroll_id }).to_string().into_bytes();
            let path = format!("/_search/scroll?filter_path={WHOLENESS},_scroll_id,{HITS}");
            // Asked twice, the store would skip a page.
            request = Request::search(path, body, self.attempted).once();
        }
    }

    /// An answer that cannot be gone on with is the last one only when nothing was found.
    fn without_more(&self, hits: &Hits<'_>) -> Result<(), ReadError> {
        if hits.hits.is_empty() {
            return Ok(());
        }
        let what = "the store does not tell how its answer goes on";
        Err(ReadError::new(ReadErrorKind::Incomplete, self.attempted, what))
    }

    fn read<'a>(&self, body: &'a [u8]) -> Result<Page<'a>, ReadError> {
        let page: Page<'a> = parse_json(body, self.attempted)?;
        page.shards.check(page.timed_out, self.attempted)?;
        Ok(page)
    }

    /// Lets the store forget the view. That it forgets by itself after a while is why a failure is no error.
    async fn forget(&self, context: &RequestContext, scroll_id: &str) {
        let body = json!({ "scroll_id": [scroll_id] }).to_string().into_bytes();
        let request =
            Request { method: Method::DELETE, ..Request::search("/_search/scroll", body, self.attempted) };
        if let Err(error) = self.access.ask(context, request).await {
            tracing::debug!(%error, "a scroll is left to its time-out");
        }
    }
}
