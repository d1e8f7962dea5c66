//! Services without a usable name get the names that Jaeger gives them.

use spoor_model::{SpanBatch, Text, ValueView};

const SERVICE_NAME: &str = "service.name";
const NAMES: [&str; 3] = ["missing-service-name", "empty-service-name", "service-name-wrong-type"];
const MISSING: usize = 0;
const EMPTY: usize = 1;
const WRONG_TYPE: usize = 2;

/// Names resources whose service name is missing, empty, or no text. One look per resource; the new names are there once.
pub(crate) fn name_the_nameless(batch: &mut SpanBatch) {
    let mut names = [Text::EMPTY; NAMES.len()];
    for index in 0..batch.resource_rows().len() {
        let row = batch.resource_rows()[index];
        let name = match row.service {
            Some(name) if !name.is_empty() => continue,
            Some(_) => EMPTY,
            None => match batch.attributes(row.attributes).get(SERVICE_NAME) {
                None | Some(ValueView::Empty) => MISSING,
                Some(_) => WRONG_TYPE,
            },
        };
        let attributes =
            batch.retain_attributes(row.attributes, |batch, row| batch.str(row.key) != SERVICE_NAME);
        if names[name].is_empty() {
            names[name] = batch.add_text(NAMES[name]);
        }
        if let Some(row) = batch.resource_row_mut(index) {
            row.service = Some(names[name]);
            row.attributes = attributes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Spec, batch};

    #[test]
    fn each_kind_of_nameless_service_gets_its_name() {
        const NUMBER: &[(&str, ValueView<'_>)] =
            &[("a", ValueView::Bool(true)), (SERVICE_NAME, ValueView::Int(5))];
        const OTHER: &[(&str, ValueView<'_>)] = &[("a", ValueView::Bool(true))];
        let mut subject = batch(&[
            Spec::default(),
            Spec { service: Some(""), ..Spec::default() },
            Spec { service: None, ..Spec::default() },
            Spec { service: None, resource: OTHER, ..Spec::default() },
            Spec { service: None, resource: NUMBER, ..Spec::default() },
        ]);
        name_the_nameless(&mut subject);
        let names: Vec<_> = subject.resources().map(|resource| resource.service()).collect();
        assert_eq!(names, ["shop", NAMES[EMPTY], NAMES[MISSING], NAMES[MISSING], NAMES[WRONG_TYPE]]);
        assert!(subject.resources().all(|resource| resource.attributes().get(SERVICE_NAME).is_none()));
        assert_eq!(subject.resources().nth(4).unwrap().attributes().len(), 1, "other attributes stay");
    }
}
