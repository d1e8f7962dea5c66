//! What adaptive sampling remembers, in memory.

use async_trait::async_trait;
use spoor_model::{ByOperation, SamplingProbabilities, Throughput, TimeRange, UnixNanos};

use super::{MemoryStore, in_time, records_in_time, refused};
use crate::{ReadError, RecordError, RequestContext, SamplingStore};

#[async_trait]
impl SamplingStore for MemoryStore {
    async fn write_throughput(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        seen: &[Throughput],
    ) -> Result<(), RecordError> {
        const ATTEMPTED: &str = "store the throughput of operations";
        records_in_time(context, || ATTEMPTED.to_owned())?;
        let mut dropped = 0;
        let mut records = self.records();
        for throughput in seen {
            let Throughput { service, operation, probabilities, .. } = throughput;
            let key = (at, context.tenant.name().to_owned(), service.clone(), operation.clone());
            // Service and operation are there twice: in the key, too.
            let texts = 2 * (service.len() + operation.len())
                + probabilities.iter().map(|text| text.len() + size_of::<String>()).sum::<usize>();
            let inserted = records.throughput.insert(key, texts, throughput.clone());
            dropped += inserted.map_err(|large| refused(ATTEMPTED.to_owned(), large))?;
        }
        drop(records);
        self.count_dropped(dropped);
        Ok(())
    }

    async fn throughput(
        &self,
        context: &RequestContext,
        range: TimeRange,
    ) -> Result<Vec<Throughput>, ReadError> {
        in_time(context, || "read the throughput of operations".to_owned())?;
        let (records, range) = (self.records(), range.start.millis()..=range.end.millis());
        let within = records
            .throughput
            .iter()
            .filter(|((at, tenant, ..), _)| tenant == context.tenant.name() && range.contains(&at.millis()));
        Ok(within.map(|(_, throughput)| throughput.clone()).collect())
    }

    async fn write_probabilities(
        &self,
        context: &RequestContext,
        at: UnixNanos,
        probabilities: &SamplingProbabilities,
    ) -> Result<(), RecordError> {
        let attempted = || "store sampling probabilities".to_owned();
        records_in_time(context, attempted)?;
        let texts =
            probabilities.host.len() + bytes(&probabilities.probabilities) + bytes(&probabilities.qps);
        let key = (at, context.tenant.name().to_owned());
        let dropped = self.records().probabilities.insert(key, texts, probabilities.clone());
        self.count_dropped(dropped.map_err(|large| refused(attempted(), large))?);
        Ok(())
    }

    async fn latest_probabilities(
        &self,
        context: &RequestContext,
    ) -> Result<Option<(UnixNanos, SamplingProbabilities)>, ReadError> {
        in_time(context, || "read sampling probabilities".to_owned())?;
        let records = self.records();
        let mut newest_first = records.probabilities.iter().rev();
        let newest = newest_first.find(|((_, tenant), _)| tenant == context.tenant.name());
        Ok(newest
            .map(|((at, _), probabilities)| (UnixNanos::from_millis(at.millis()), probabilities.clone())))
    }
}

fn bytes(numbers: &ByOperation) -> usize {
    let operations = |numbers: &std::collections::BTreeMap<String, f64>| {
        numbers.keys().map(|operation| operation.len() + size_of::<(String, f64)>()).sum::<usize>()
    };
    numbers.iter().map(|(service, numbers)| service.len() + operations(numbers)).sum()
}
