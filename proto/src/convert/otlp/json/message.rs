//! The request, its resources and scopes. Their rows go in before their children and are filled in when their keys are met,
//! because JSON objects have no order.

use serde::de::{DeserializeSeed, Deserializer, MapAccess};
use spoor_model::{ResourceRow, ScopeRow, Text};

use super::span::Spans;
use super::value::Attributes;
use super::visit::{Items, Message, Object};
use super::{Walk, skip};

pub(super) struct Request;

impl Message for Request {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "resourceSpans" | "resource_spans" => walk.list(map, &mut ResourceSpans { resource: 0 }),
            _ => skip(map),
        }
    }
}

/// The list of `ResourceSpans`, and the one being read.
struct ResourceSpans {
    resource: u32,
}

impl Items for ResourceSpans {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<ResourceRow, _>()?;
        self.resource = walk.builder.push_resource(ResourceRow::default());
        Object(walk, self).deserialize(item).map(drop)
    }
}

impl Message for ResourceSpans {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "resource" => {
                let mut resource = Resource::default();
                walk.object(map, &mut resource)?;
                let Resource(read) = resource;
                if let Some(row) = walk.builder.resource_mut(self.resource) {
                    *row = ResourceRow { schema_url: row.schema_url, ..read };
                }
                Ok(())
            }
            "scopeSpans" | "scope_spans" => {
                walk.list(map, &mut ScopeSpans { resource: self.resource, scope: 0 })
            }
            "schemaUrl" | "schema_url" => {
                let schema_url = walk.text(map)?;
                if let Some(row) = walk.builder.resource_mut(self.resource) {
                    row.schema_url = schema_url;
                }
                Ok(())
            }
            _ => skip(map),
        }
    }
}

#[derive(Default)]
struct Resource(ResourceRow);

impl Message for Resource {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let row = &mut self.0;
        match key {
            "attributes" => {
                let mut service: Option<Text> = None;
                row.attributes = walk.attributes(map, &mut Attributes::of_resource(&mut service))?;
                row.service = service;
            }
            "droppedAttributesCount" | "dropped_attributes_count" => {
                row.dropped_attributes = walk.scalar(map, |count| count.u32())?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// The list of `ScopeSpans` of one resource, and the one being read.
struct ScopeSpans {
    resource: u32,
    scope: u32,
}

impl Items for ScopeSpans {
    fn item<'de, D: Deserializer<'de>>(&mut self, walk: &mut Walk, item: D) -> Result<(), D::Error> {
        walk.charge::<ScopeRow, _>()?;
        let row = ScopeRow { resource: self.resource, ..ScopeRow::default() };
        self.scope = walk.builder.push_scope(row);
        Object(walk, self).deserialize(item).map(drop)
    }
}

impl Message for ScopeSpans {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "scope" => {
                let mut scope = Scope::default();
                walk.object(map, &mut scope)?;
                let Scope(read) = scope;
                if let Some(row) = walk.builder.scope_mut(self.scope) {
                    *row = ScopeRow { resource: row.resource, schema_url: row.schema_url, ..read };
                }
                Ok(())
            }
            "spans" => walk.list(map, &mut Spans { scope: self.scope }),
            "schemaUrl" | "schema_url" => {
                let schema_url = walk.text(map)?;
                if let Some(row) = walk.builder.scope_mut(self.scope) {
                    row.schema_url = schema_url;
                }
                Ok(())
            }
            _ => skip(map),
        }
    }
}

#[derive(Default)]
struct Scope(ScopeRow);

impl Message for Scope {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        walk: &mut Walk,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let row = &mut self.0;
        match key {
            "name" => row.name = walk.text(map)?,
            "version" => row.version = walk.text(map)?,
            "attributes" => row.attributes = walk.attributes(map, &mut Attributes::default())?,
            "droppedAttributesCount" | "dropped_attributes_count" => {
                row.dropped_attributes = walk.scalar(map, |count| count.u32())?;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}
