//! Claims about tags: which form each takes, and what long texts leave.

use super::*;

/// A span with these attributes.
fn with(attributes: &[(&str, ValueView<'_>)]) -> SpanBatch {
    one(|builder, row| row.attributes = builder.attributes(attributes.iter().copied()))
}

fn all_as_fields() -> DocumentConfig {
    DocumentConfig { tags_as_fields_all: true, ..DocumentConfig::default() }
}

fn keys_of(list: &Json) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|tag| tag["key"].as_str().unwrap()).collect()
}

#[test]
fn values_that_are_strings_are_strings_in_every_list() {
    let config = DocumentConfig { tag_values: TagValues::String, ..DocumentConfig::default() };
    let batch = one(|builder, row| {
        row.attributes = builder.attributes([
            ("int", ValueView::Int(-7)),
            ("bool", ValueView::Bool(true)),
            ("double", ValueView::Double(1.0)),
            ("nan", ValueView::Double(f64::NAN)),
            ("text", ValueView::Str("a\"b")),
        ]);
        row.status = StatusCode::Error;
        let attributes = builder.attributes([("n", ValueView::Int(1))]);
        let mark = builder.events_mark();
        builder.push_event(EventRow { time: START, attributes, ..EventRow::default() });
        row.events = builder.events_since(mark);
    });
    let document = &documents_with(&batch, &config)[0];
    let tags: Vec<Json> = document["tags"].as_array().unwrap()[2..].to_vec();
    assert_eq!(
        Json::from(tags),
        json!([
            { "key": "int", "type": "int64", "value": "-7" },
            { "key": "bool", "type": "bool", "value": "true" },
            { "key": "double", "type": "float64", "value": "1" },
            { "key": "nan", "type": "string", "value": "NaN", "spoorType": "float64" },
            { "key": "text", "type": "string", "value": "a\"b" },
        ])
    );
    assert_eq!(document["logs"][0]["fields"], json!([{ "key": "n", "type": "int64", "value": "1" }]));
    assert_eq!(document["tag"], json!({ "error": true }), "fields are native at all times");
}

#[test]
fn all_tags_become_fields_but_those_that_would_not_come_back() {
    let long = "k".repeat(257);
    let batch = with(&[
        ("http.method", ValueView::Str("GET")),
        ("one", ValueView::Double(1.0)),
        ("user@host", ValueView::Str("x")),
        ("", ValueView::Str("x")),
        (" \u{2003}", ValueView::Str("x")),
        ("a\nb", ValueView::Str("x")),
        (&long, ValueView::Str("x")),
        ("nan", ValueView::Double(f64::NAN)),
        ("bytes", ValueView::Bytes(b"x")),
        ("twice", ValueView::Int(1)),
        ("twice", ValueView::Int(2)),
        (".", ValueView::Empty),
        ("é é", ValueView::Bool(false)),
    ]);
    let document = &documents_with(&batch, &all_as_fields())[0];
    assert_eq!(
        document["tag"],
        json!({
            "otel@scope@name": "lib", "otel@scope@version": "1.0", "http@method": "GET", "one": 1.0, "twice": 2, "@": "", "é é": false,
        })
    );
    let listed = ["user@host", "", " \u{2003}", "a\nb", &long, "nan", "bytes", "twice"];
    assert_eq!(keys_of(&document["tags"]), listed);
    assert_eq!(document["process"]["tag"], json!({ "host@name": "h\"1" }));
    assert_eq!(document["process"]["tags"], json!([]));
}

#[test]
fn listed_keys_become_fields_as_they_are_written_in_the_list() {
    let config = DocumentConfig {
        tags_as_fields_include: "http.method, spaced,,a@b,host.name,otel.scope.name".to_owned(),
        ..DocumentConfig::default()
    };
    let batch = with(&[
        ("http.method", ValueView::Str("GET")),
        ("http.methods", ValueView::Str("x")),
        ("spaced", ValueView::Int(1)),
        (" spaced", ValueView::Int(2)),
        ("a@b", ValueView::Int(3)),
        ("", ValueView::Int(4)),
        ("error", ValueView::Str("also")),
    ]);
    let document = &documents_with(&batch, &config)[0];
    assert_eq!(
        document["tag"],
        json!({ "otel@scope@name": "lib", "http@method": "GET", " spaced": 2, "error": "also" })
    );
    assert_eq!(keys_of(&document["tags"]), ["otel.scope.version", "http.methods", "spaced", "a@b", ""]);
    assert_eq!(document["process"]["tag"], json!({ "host@name": "h\"1" }));
}

#[test]
fn fields_of_one_span_are_bounded_and_what_metrics_need_is_among_them() {
    let keys: Vec<String> = (0..300).map(|number| format!("k{number}")).collect();
    let attributes: Vec<_> = keys.iter().map(|key| (key.as_str(), ValueView::Int(1))).collect();
    let batch = one(|builder, row| {
        row.attributes = builder.attributes(attributes);
        row.kind = SpanKind::Client;
    });
    let document = &documents_with(&batch, &all_as_fields())[0];
    let (fields, listed) = (document["tag"].as_object().unwrap(), document["tags"].as_array().unwrap());
    assert_eq!((fields.len(), listed.len()), (257, 46), "two of the scope, 300, and the kind");
    assert_eq!(fields["span@kind"], "client");
}

#[test]
fn long_texts_leave_marks_wherever_they_stand() {
    let long = "v".repeat(257);
    let marked = |batch: &SpanBatch, config: &DocumentConfig| -> Vec<Json> {
        documents_with(batch, config)[0]["spoorLongValues"].as_array().cloned().unwrap_or_default()
    };
    let expected = |mark: Option<Json>| mark.unwrap()["term"]["spoorLongValues"].clone();
    let config = DocumentConfig::default();
    assert_eq!(marked(&with(&[("k", ValueView::Str(&long[1..]))]), &config), [] as [Json; 0]);
    let tagged = with(&[("k", ValueView::Str(&long)), (&long, ValueView::Int(7))]);
    let both = [expected(long_values::has_tag("k", &long)), expected(long_values::has_tag(&long, "7"))];
    assert_eq!(marked(&tagged, &config), both);
    assert_eq!(marked(&tagged, &DocumentConfig { tag_values: TagValues::String, ..config.clone() }), both);
    let mut as_field = marked(&tagged, &all_as_fields());
    as_field.reverse();
    assert_eq!(as_field, both);
    let elsewhere = one(|builder, row| {
        row.name = builder.text(&long);
        row.status = StatusCode::Error;
        row.status_message = builder.text(&long);
        let attributes = builder.attributes([("bytes", ValueView::Bytes(&[0xab; 129]))]);
        let mark = builder.events_mark();
        builder.push_event(EventRow { attributes, ..EventRow::default() });
        row.events = builder.events_since(mark);
    });
    assert_eq!(
        marked(&elsewhere, &config),
        [
            expected(long_values::has_tag("otel.status_description", &long)),
            expected(long_values::has_tag("bytes", &"ab".repeat(129))),
            expected(long_values::has_operation(&long)),
        ]
    );
}

#[test]
fn long_texts_of_a_process_are_marked_on_each_of_its_spans() {
    let long = "v".repeat(257);
    let mut builder = SpanBatchBuilder::new();
    let service = Some(builder.text(&long));
    let attributes = builder.attributes([("argv", ValueView::Str(&long))]);
    let resource = builder.push_resource(ResourceRow { service, attributes, ..ResourceRow::default() });
    let scope = builder.push_scope(ScopeRow { resource, ..ScopeRow::default() });
    for _ in 0..2 {
        builder.push_span(SpanRow { scope, ..SpanRow::default() });
    }
    let marks = [long_values::has_service(&long), long_values::has_tag("argv", &long)]
        .map(|mark| mark.unwrap()["term"]["spoorLongValues"].clone());
    for document in documents(&builder.finish().unwrap()) {
        assert_eq!(document["spoorLongValues"], json!(marks));
    }
}
