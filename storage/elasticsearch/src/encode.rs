//! Hot path: a batch of spans as items of a bulk: the span documents, then the service documents not yet known as stored.
//! Budget: a handful of allocations per batch. Runs in the caller's task; the bulk queue only moves the bytes.

use std::collections::hash_map::Entry;
use std::time::Instant;

use bytes::Bytes;
use spoor_model::json::write_string;
use spoor_model::{SpanBatch, SpanView, TimeRange};
use xxhash_rust::xxh3::xxh3_64;

use crate::config::Layout;
use crate::document::{CompactWriter, DocumentStyle, SpanWriter, TagFields, write_action_head};
use crate::filing::{Belief, Filing};
use crate::index::{Family, IndexNames};
use crate::service::{KIND_FIELD, ServiceCache, ServiceKey, ServiceMap, document_id};
use crate::{Config, OpenError};

/// Reserved per span before the first one is written; a buffer that must grow is copied.
const FIRST_GUESS_BYTES: usize = 2_304;

/// Makes bulk items of spans: where and how documents are written, and which services are known to be stored.
#[derive(Debug)]
pub struct BulkEncoder {
    names: IndexNames,
    style: DocumentStyle,
    services: ServiceCache,
    belief: Belief,
    layout: Layout,
}

/// The items of one write: one per span in the batch's order, then the service documents.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// Action lines and documents.
    pub(crate) body: Bytes,
    /// Where each item ends in the body.
    pub(crate) ends: Vec<usize>,
    pub(crate) services: Services,
    /// Spans whose start was not believed.
    pub(crate) misdated: u64,
}

/// The service documents of one write, and whose spans wait for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Services {
    /// What each service document stands for.
    pub(crate) keys: Vec<ServiceKey>,
    /// For each span the position of the service document that names it in `keys`, or [`Services::KNOWN`]. Empty when `keys` is.
    pub(crate) of_span: Vec<u32>,
}

impl Services {
    /// The span's service document was stored before.
    pub(crate) const KNOWN: u32 = u32::MAX;
}

impl BulkEncoder {
    /// For the indices and the layout that the configuration names.
    ///
    /// # Errors
    /// [`OpenError`] for names that cannot be, and files that cannot be read.
    pub fn new(config: &Config) -> Result<Self, OpenError> {
        Self::named(config, IndexNames::new(&config.indices)?)
    }

    /// For these indices.
    pub(crate) fn named(config: &Config, names: IndexNames) -> Result<Self, OpenError> {
        // Behind an alias no span makes an index, however its clock goes.
        let believes_all = names.spans.writes_to_alias();
        Ok(Self {
            belief: if believes_all { Belief::default() } else { Belief::new(&config.indices) },
            names,
            style: DocumentStyle {
                fields: TagFields::new(&config.documents)?,
                values: config.documents.tag_values,
                parent_field: config.documents.parent_span_id,
            },
            services: ServiceCache::new(config.documents.service_cache_ttl),
            layout: config.layout.layout,
        })
    }

    /// The body of a bulk request for this batch alone, for whoever sends it by other means (files, benches): services are
    /// taken as stored once they were part of a body.
    #[must_use]
    pub fn bulk_body(&self, batch: &SpanBatch) -> Bytes {
        let encoded = self.encode(batch, None, Instant::now());
        self.confirm(encoded.services.keys.iter().copied(), Instant::now());
        encoded.body
    }

    /// Writes all items of the batch, which was received just now unless it is told when.
    pub(crate) fn encode(&self, batch: &SpanBatch, received: Option<TimeRange>, now: Instant) -> Encoded {
        let filing = self.belief.at(crate::index::now(), received);
        match filing.warned(batch) {
            None => self.encode_filed(batch, filing, now),
            Some((misdated, warned)) => Encoded { misdated, ..self.encode_filed(&warned, filing, now) },
        }
    }

    fn encode_filed(&self, batch: &SpanBatch, filing: Filing, now: Instant) -> Encoded {
        match self.layout {
            Layout::Jaeger => {
                let mut spans = SpanWriter::new(batch, &self.names.spans, filing, &self.style);
                self.encode_each(batch, filing, now, |out, span| spans.write(out, span))
            }
            Layout::Compact => {
                let mut spans = CompactWriter::new(batch, &self.names.compact, filing);
                self.encode_each(batch, filing, now, |out, span| spans.write(out, span))
            }
        }
    }

    #[inline]
    fn encode_each<'a>(
        &self,
        batch: &'a SpanBatch,
        filing: Filing,
        now: Instant,
        mut write: impl FnMut(&mut Vec<u8>, SpanView<'a>),
    ) -> Encoded {
        let mut body = Vec::with_capacity(batch.len() * FIRST_GUESS_BYTES);
        let mut ends = Vec::with_capacity(batch.len() + 8);
        let mut scan = self.names.has_services.then(|| ServiceScan::new(batch, &self.names.services, filing));
        for span in batch.spans() {
            write(&mut body, span);
            ends.push(body.len());
            if let Some(scan) = &mut scan {
                scan.add(span);
            }
        }
        let services = scan.map(|scan| {
            scan.finish(&self.services, now, |key, span| {
                self.write_service(&mut body, filing, key, span);
                ends.push(body.len());
            })
        });
        let services = services.unwrap_or_default();
        Encoded { body: body.into(), ends, services, misdated: 0 }
    }

    /// Remembers that the documents of these services are stored.
    pub(crate) fn confirm(&self, services: impl Iterator<Item = ServiceKey>, now: Instant) {
        self.services.confirm(services, now);
    }

    fn write_service(&self, out: &mut Vec<u8>, filing: Filing, key: ServiceKey, span: SpanView<'_>) {
        let (service, operation) = (span.service().as_bytes(), span.name().as_bytes());
        let kind = key.kind_name();
        let id = kind.map_or_else(|| document_id(service, operation), |kind| key.kind_document_id(kind));
        let services = &self.names.services;
        write_action_head(out, services, services.period(filing.moment(span.start())));
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\"}}\n{\"serviceName\":");
        write_string(out, service);
        out.extend_from_slice(b",\"operationName\":");
        write_string(out, operation);
        if let Some(kind) = kind {
            out.extend_from_slice(format!(",\"tag\":{{\"{KIND_FIELD}\":\"{kind}\"}}").as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Finds the distinct services and operations of a batch, with their kinds.
struct ServiceScan<'a> {
    batch: &'a SpanBatch,
    indices: &'a Family,
    filing: Filing,
    service_hashes: Vec<u64>,
    positions: ServiceMap<u32>,
    /// Each pair, and behind it each of its kinds, with the first span that has it.
    distinct: Vec<(ServiceKey, SpanView<'a>)>,
    of_span: Vec<u32>,
}

impl<'a> ServiceScan<'a> {
    fn new(batch: &'a SpanBatch, indices: &'a Family, filing: Filing) -> Self {
        Self {
            batch,
            indices,
            filing,
            service_hashes: batch
                .resources()
                .map(|resource| xxh3_64(resource.service().as_bytes()))
                .collect(),
            positions: ServiceMap::default(),
            distinct: Vec::new(),
            of_span: Vec::with_capacity(batch.len()),
        }
    }

    fn add(&mut self, span: SpanView<'a>) {
        let service = self.service_hashes[self.batch.resource_index(span.row())];
        let period = self.indices.period(self.filing.moment(span.start()));
        let name = self.batch.bytes(span.row().name);
        let key = ServiceKey::new(period, service, name).of_kind(span.kind());
        let position = match self.positions.get(&key) {
            Some(known) => *known,
            None => self.add_documents(key, span),
        };
        // The document with the kind is what the span waits for: it tells all that the pair's own tells.
        self.of_span.push(position);
    }

    /// The pair's own document, if it is not there yet, and the one with the kind; answers the position of the latter.
    fn add_documents(&mut self, key: ServiceKey, span: SpanView<'a>) -> u32 {
        let mut position = 0;
        for key in [key.pair(), key] {
            position = u32::try_from(self.distinct.len()).expect("a batch has fewer than 2^31 spans");
            if let Entry::Vacant(new) = self.positions.entry(key) {
                new.insert(position);
                self.distinct.push((key, span));
            }
        }
        position
    }

    /// Hands what is not known as stored to `write`, with the first span that has it.
    fn finish(
        mut self,
        cache: &ServiceCache,
        now: Instant,
        mut write: impl FnMut(ServiceKey, SpanView<'a>),
    ) -> Services {
        let keys: Vec<ServiceKey> = self.distinct.iter().map(|(key, _)| *key).collect();
        let mut services = Services::default();
        let mut new_positions = Vec::with_capacity(keys.len());
        for (known, (key, span)) in cache.known(&keys, now).into_iter().zip(&self.distinct) {
            if known {
                new_positions.push(Services::KNOWN);
                continue;
            }
            new_positions.push(u32::try_from(services.keys.len()).expect("fewer than distinct pairs"));
            services.keys.push(*key);
            write(*key, *span);
        }
        if !services.keys.is_empty() {
            for position in &mut self.of_span {
                *position = new_positions[*position as usize];
            }
            services.of_span = self.of_span;
        }
        services
    }
}
