//! The script of a page: its blocks, and what has to be true after them.

use anyhow::{Result, ensure};

use crate::pages::Block;

/// What a page says that a block shows, as commands behind it: the beginning of the block, and the commands. `$said` is the file with what the
/// block has printed.
const AFTER: [(&str, &str); 6] = [
    // Runs in the foreground, and the next blocks in another terminal.
    ("cargo xtask run", "until target/release/spoor healthcheck; do sleep 0.2; done"),
    ("now=$(date +%s)", "grep -q '^HTTP/1.1 200 OK' \"$said\""),
    // As ctrl-C does.
    (
        "curl 'http://localhost:16686/api/services'",
        "test \"$(grep -c 'hello' \"$said\")\" -ge 3; grep -q 'first span' \"$said\"; kill -INT $first; wait $first",
    ),
    ("url=$(cargo xtask servers up)  ", "grep -q '\"checkout-api\"' \"$said\""),
    ("url=$(cargo xtask servers up) && kafka=", "grep -q '^spoor_ingester_spans_stored' \"$said\""),
    ("$spoor generate", AFTER_THE_KILLS),
];

/// Every question is answered although a query server and a collector are dead, and both Prometheus know of it.
const AFTER_THE_KILLS: &str = r#"
until curl -fsS 'http://127.0.0.1:8080/jaeger/api/traces?service=through-nginx' | grep -q 'first span'; do sleep 0.2; done
for question in services 'traces?service=through-nginx' services/through-nginx/operations services 'traces?service=through-nginx' services; do
  curl -fsS -o "$said" "http://127.0.0.1:8080/jaeger/api/$question"
  grep -q -e through-nginx -e 'first span' "$said"
done
is_told() {
  curl -fsS "http://$1/api/v1/query" --data-urlencode "query=ALERTS{alertname=\"$2\",job=\"$3\",alertstate=~\"pending|firing\"}" | grep -q '"value"'
}
for replica in prometheus-a:9090 prometheus-b:9090; do
  until is_told $replica SpoorTargetDown spoor-collector && is_told $replica SpoorTooFewReplicas spoor-query; do sleep 0.2; done
done
"#;

/// All blocks in order, in one shell that ends at the first command that fails. What a block prints goes into a file and to the log.
pub(super) fn of(blocks: &[Block]) -> Result<String> {
    let mut script = "set -eEu\n\
        trap 'echo \"$block: \\`$BASH_COMMAND\\` ended with $?\" >&2' ERR\n\
        said=$SPOOR_SAID\n"
        .to_owned();
    for block in blocks {
        let checks: Vec<&str> = AFTER
            .iter()
            .filter(|(begins, _)| block.text.starts_with(begins))
            .map(|(_, check)| *check)
            .collect();
        let text = match block.text.as_str() {
            "cargo xtask run" => "cargo xtask run & first=$!",
            text => text,
        };
        script += &format!("block={}:{}; echo \"== $block\"\n", block.page, block.line);
        // In braces, not in a shell of its own: what a block sets is there for the next one.
        script += &format!("{{\n{text}\n}} >$said\ncat $said\n{}\n", checks.join("\n"));
    }
    ensure!(blocks.iter().any(|block| AFTER.iter().any(|(begins, _)| block.text.starts_with(begins))));
    Ok(script)
}

#[test]
fn every_check_is_behind_a_block() -> Result<()> {
    let all = crate::pages::blocks()?;
    for (begins, _) in AFTER {
        let found = all.iter().filter(|block| block.text.starts_with(begins)).count();
        ensure!(found == 1, "{found} blocks begin with `{begins}`");
    }
    Ok(())
}
