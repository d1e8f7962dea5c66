//! Rust types and gRPC stubs from our .proto files, without `protoc`.
//!
//! Reads `proto/idl/**/*.proto`, writes `proto/src/gen/PACKAGE.rs`, and for reflection the descriptors of all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use prost::Message;
use prost_types::FileDescriptorSet;

const IDL: &str = "proto/idl";
const GENERATED: &str = "proto/src/gen";
/// The descriptors of all files, as a `FileDescriptorSet` without comments.
const DESCRIPTORS: &str = "descriptors.binpb";
/// Packages whose types come from a crate.
const EXTERN_PACKAGES: [(&str, &str); 1] = [("opentelemetry.proto", "::opentelemetry_proto::tonic")];

/// Generated files by name, with their content.
type Files = BTreeMap<String, Vec<u8>>;

/// Generates into `proto/src/gen` and removes what no package stands behind any more; returns what changed.
///
/// # Errors
/// A .proto file that does not compile (with its line), or a folder that cannot be read or written.
pub(super) fn write(root: &Path) -> Result<Vec<String>> {
    let fresh = generate(root)?;
    let folder = root.join(GENERATED);
    let stale = differences(&committed(&folder)?, &fresh);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for name in &stale {
        let path = folder.join(name);
        match fresh.get(name) {
            Some(content) => fs::write(&path, content),
            None => fs::remove_file(&path),
        }
        .with_context(|| format!("bring {} up to date", path.display()))?;
    }
    Ok(stale)
}

/// Succeeds when `proto/src/gen` is what [`write`] would write.
///
/// # Errors
/// Names every file that differs, and the command that brings it up to date.
pub(super) fn check(root: &Path) -> Result<()> {
    let stale = differences(&committed(&root.join(GENERATED))?, &generate(root)?);
    ensure!(
        stale.is_empty(),
        "generated files do not match {IDL}: {} (run `cargo xtask gen` and commit {GENERATED})",
        stale.join(", ")
    );
    Ok(())
}

fn generate(root: &Path) -> Result<Files> {
    let idl = root.join(IDL);
    let mut sources = Vec::new();
    collect_protos(&idl, &mut sources)?;
    sources.sort();
    ensure!(!sources.is_empty(), "generate from {IDL}: no .proto file is there");

    let mut compiler = protox::Compiler::new([&idl]).context("open the proto include folder")?;
    compiler.include_source_info(true).include_imports(true);
    // The source path and line are in protox's Debug form, its Display has only the headline.
    compiler.open_files(&sources).map_err(|error| anyhow::anyhow!("compile {IDL}: {error:?}"))?;

    let out = tempfile::tempdir().context("make a folder for the generated files")?;
    let mut builder = tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(false)
        .bytes(".")
        .emit_rerun_if_changed(false)
        .out_dir(out.path());
    for (package, path) in EXTERN_PACKAGES {
        builder = builder.extern_path(format!(".{package}"), path);
    }
    let descriptors = compiler.file_descriptor_set();
    builder.compile_fds(descriptors.clone()).context("generate Rust from the .proto files")?;

    drop_extern_packages(out.path())?;
    format(root, out.path())?;
    let mut files = committed(out.path())?;
    files.insert(DESCRIPTORS.to_owned(), encode_without_comments(descriptors));
    Ok(files)
}

/// Comments and positions are most of a descriptor's size, and no client asks a server for them.
fn encode_without_comments(mut descriptors: FileDescriptorSet) -> Vec<u8> {
    descriptors.file.iter_mut().for_each(|file| file.source_code_info = None);
    descriptors.encode_to_vec()
}

fn collect_protos(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry.with_context(|| format!("read {}", folder.display()))?.path();
        if path.is_dir() {
            collect_protos(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            into.push(path);
        }
    }
    Ok(())
}

/// The generator leaves files without a type for packages that live in a crate.
fn drop_extern_packages(folder: &Path) -> Result<()> {
    for name in committed(folder)?.into_keys() {
        let is_extern = EXTERN_PACKAGES.iter().any(|(package, _)| name.starts_with(package));
        if is_extern || name.starts_with("google.") {
            fs::remove_file(folder.join(&name)).with_context(|| format!("drop {name}"))?;
        }
    }
    Ok(())
}

fn format(root: &Path, folder: &Path) -> Result<()> {
    let names = committed(folder)?;
    if names.is_empty() {
        return Ok(());
    }
    let status = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .args(names.keys().map(|name| folder.join(name)))
        .status()
        .context("run rustfmt (`rustup component add rustfmt` installs it)")?;
    if !status.success() {
        bail!("rustfmt refused the generated files ({status})");
    }
    Ok(())
}

fn committed(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(files) };
    for entry in entries {
        let entry = entry.with_context(|| format!("read {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A package's file has a dot before the ending; `mod.rs` beside them is written by hand.
        if (name.ends_with(".rs") && name != "mod.rs") || name == DESCRIPTORS {
            let content = fs::read(entry.path()).with_context(|| format!("read {name}"))?;
            files.insert(name, content);
        }
    }
    Ok(files)
}

fn differences(committed: &Files, fresh: &Files) -> Vec<String> {
    let mut names: Vec<String> = committed.keys().chain(fresh.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| committed.get(name) != fresh.get(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTO: &str = r#"
        syntax = "proto3";
        package demo.v1;
        import "google/protobuf/timestamp.proto";
        import "opentelemetry/proto/trace/v1/trace.proto";
        message Ask { bytes id = 1; google.protobuf.Timestamp at = 2; }
        service Door { rpc Get(Ask) returns (stream opentelemetry.proto.trace.v1.TracesData) {} }
    "#;
    const EXTERN: &str = r#"
        syntax = "proto3";
        package opentelemetry.proto.trace.v1;
        message TracesData {}
    "#;

    fn checkout() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let idl = root.path().join(IDL);
        fs::create_dir_all(idl.join("demo")).unwrap();
        fs::create_dir_all(idl.join("opentelemetry/proto/trace/v1")).unwrap();
        fs::write(idl.join("demo/demo.proto"), PROTO).unwrap();
        fs::write(idl.join("opentelemetry/proto/trace/v1/trace.proto"), EXTERN).unwrap();
        fs::write(root.path().join("rustfmt.toml"), "max_width = 110\n").unwrap();
        root
    }

    #[test]
    fn generates_stubs_with_shared_bytes_and_foreign_types() {
        let root = checkout();
        assert_eq!(write(root.path()).unwrap(), ["demo.v1.rs", DESCRIPTORS]);
        let text = fs::read_to_string(root.path().join(GENERATED).join("demo.v1.rs")).unwrap();
        assert!(text.contains("pub id: ::prost::bytes::Bytes"), "{text}");
        assert!(text.contains("::opentelemetry_proto::tonic::trace::v1::TracesData"), "{text}");
        assert!(text.contains("pub mod door_server") && text.contains("pub mod door_client"), "{text}");
        check(root.path()).unwrap();
    }

    #[test]
    fn the_descriptors_name_every_file_and_hold_no_comments() {
        let root = checkout();
        write(root.path()).unwrap();
        let encoded = fs::read(root.path().join(GENERATED).join(DESCRIPTORS)).unwrap();
        let descriptors = FileDescriptorSet::decode(&encoded[..]).unwrap();
        let names: Vec<&str> = descriptors.file.iter().map(prost_types::FileDescriptorProto::name).collect();
        assert!(
            names.contains(&"demo/demo.proto") && names.contains(&"google/protobuf/timestamp.proto"),
            "{names:?}"
        );
        assert!(descriptors.file.iter().all(|file| file.source_code_info.is_none()));
    }

    #[test]
    fn check_names_edited_missing_and_orphaned_files() {
        let root = checkout();
        write(root.path()).unwrap();
        let folder = root.path().join(GENERATED);
        fs::write(folder.join("demo.v1.rs"), "// edited").unwrap();
        fs::write(folder.join("gone.v1.rs"), "").unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(message.contains("demo.v1.rs, gone.v1.rs"), "{message}");
        write(root.path()).unwrap();
        check(root.path()).unwrap();
    }

    #[test]
    fn a_broken_proto_file_is_named_with_its_line() {
        let root = checkout();
        fs::write(root.path().join(IDL).join("demo/demo.proto"), "syntax = \"proto3\";\nmessage {").unwrap();
        let message = check(root.path()).unwrap_err().to_string();
        assert!(message.contains("demo.proto:2"), "{message}");
    }
}
