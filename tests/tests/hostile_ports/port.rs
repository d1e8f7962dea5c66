//! A port under attack, with good requests between the bad ones.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method};
use spoor_tests::Spoor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::attacks::Attack;

const MIB: usize = 1 << 20;

pub(crate) async fn throw(client: &Client, base: &str, attack: &Attack) -> Result<(u16, String)> {
    let mut request = client.post(format!("{base}{}", attack.path)).body(attack.body.clone());
    if !attack.content_type.is_empty() {
        request = request.header("content-type", attack.content_type);
    }
    if let Some(encoding) = attack.encoding {
        request = request.header("content-encoding", encoding);
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// A port under attack, and the good requests beside.
pub(crate) struct Port<'a> {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) good: &'a dyn Fn(u64) -> Vec<u8>,
    pub(crate) sent: u64,
}

impl Port<'_> {
    /// A good request of one span of its own.
    pub(crate) async fn good(&mut self) -> Result<()> {
        self.sent += 1;
        let good = Attack::of("a good one", self.path, self.content_type, (self.good)(1_000_000 + self.sent));
        let answer = throw(&self.client, &self.base, &good).await?;
        ensure!(answer == (202, String::new()), "{answer:?}");
        Ok(())
    }

    pub(crate) async fn attacked(&mut self, attacks: &[Attack]) -> Result<()> {
        for attack in attacks {
            let name = &attack.name;
            match throw(&self.client, &self.base, attack).await {
                Ok((status, text)) => {
                    let is_so = status == attack.status && text.starts_with(attack.text);
                    let text = &text[..text.floor_char_boundary(200)];
                    ensure!(is_so, "{name}: {status} {text:?}, not {} {:?}", attack.status, attack.text);
                }
                // A body refused before it was read to the end may cost its sender the connection instead of the answer.
                Err(error) => ensure!(attack.status == 413 && attack.encoding.is_none(), "{name}: {error:#}"),
            }
            self.good().await.with_context(|| format!("behind {name}"))?;
        }
        Ok(())
    }

    /// Copies of a good body with bytes changed: read or refused, and the text of a refusal begins as one of these.
    pub(crate) async fn mutated(
        &mut self,
        path: &'static str,
        content_type: &'static str,
        whole: &[u8],
        texts: &[&str],
    ) -> Result<()> {
        for place in 0..whole.len() {
            let mut body = whole.to_vec();
            body[place] ^= 1 << (place % 8);
            let changed = Attack::of("changed", path, content_type, body);
            let (status, text) = throw(&self.client, &self.base, &changed).await?;
            let is_documented = match status {
                202 => text.is_empty(),
                400 => texts.iter().any(|begins| text.starts_with(begins)),
                _ => false,
            };
            ensure!(is_documented, "{path} as {content_type}, byte {place} changed: {status} {text:?}");
        }
        self.good().await.context("behind changed ones")
    }

    pub(crate) async fn other_methods(&mut self) -> Result<()> {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer =
                self.client.request(method.clone(), format!("{}{}", self.base, self.path)).send().await?;
            ensure!(answer.status() == 405, "{method}: {}", answer.status());
        }
        self.good().await
    }

    /// More of a head than anybody has: by the number of headers, by their size, and without an end.
    pub(crate) async fn long_heads(&mut self) -> Result<()> {
        let address = self.base.trim_start_matches("http://").to_owned();
        let begin = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n", self.path);
        let many = format!("{begin}{}\r\n", "x: y\r\n".repeat(5_000));
        let long = format!("{begin}x: {}\r\n\r\n", "y".repeat(2 * MIB));
        let endless = format!("POST /{} HTTP/1.1\r\n", "y".repeat(2 * MIB));
        for head in [many, long, endless] {
            let mut stream = tokio::net::TcpStream::connect(&address).await?;
            // The port may answer and close before all is written.
            let _ = stream.write_all(head.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            let code = answer.get(9..12).unwrap_or_default();
            ensure!(matches!(code, "431" | "414" | "400" | ""), "{answer}");
            self.good().await.context("behind a long head")?;
        }
        Ok(())
    }

    /// Every good one is stored, under the service of good ones.
    pub(crate) async fn nothing_is_lost(&self, spoor: &Spoor, service: &str) -> Result<()> {
        let (_, answer) =
            spoor.query(&format!("/api/traces?service={service}&limit=10000&lookback=1h")).await?;
        let found = answer["data"].as_array().map_or(0, Vec::len);
        ensure!(found as u64 == self.sent, "{found} of {} good traces are found", self.sent);
        Ok(())
    }
}
