//! Closing a connection without cutting off the last answer. A socket closed while bytes of the peer lie unread in it (a late ping, a
//! window update) is reset, and the reset can overtake the answer we sent last. So our side is closed first, and what the peer still
//! sends is read and thrown away until it closes too, for a short time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::oneshot;

use super::stream::Stream;

/// How long a peer may take to close its side.
const PATIENCE: Duration = Duration::from_secs(1);

/// A stream that comes back when its user drops it.
pub(super) struct Lent {
    /// Read already, and to be read first.
    opening: Bytes,
    /// There until the drop.
    stream: Option<Stream>,
    back: Option<oneshot::Sender<Stream>>,
}

impl Lent {
    /// Lends the stream, of which `opening` was read already; the receiver gets it back.
    pub(super) fn new(stream: Stream, opening: Bytes) -> (Self, oneshot::Receiver<Stream>) {
        let (back, returned) = oneshot::channel();
        (Self { opening, stream: Some(stream), back: Some(back) }, returned)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Nobody waits for it when the whole task is being dropped: then it is closed here.
            let _ = back.send(stream);
        }
    }
}

/// Closes our side, then waits for the peer to close its own.
pub(super) async fn close(mut stream: Stream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut ignored = [0; 4096];
    let drained = async { while matches!(stream.read(&mut ignored).await, Ok(read) if read > 0) {} };
    let _ = tokio::time::timeout(PATIENCE, drained).await;
}

impl AsyncRead for Lent {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.opening.is_empty() {
            let ready = self.opening.len().min(buffer.remaining());
            buffer.put_slice(&self.opening.split_to(ready));
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn what_was_read_already_comes_first_in_pieces_of_any_size() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"world").await.unwrap();
        let (mut lent, _returned) = Lent::new(Stream::Plain(server), Bytes::from_static(b"hello "));
        let mut read = [0; 11];
        for byte in &mut read {
            *byte = lent.read_u8().await.unwrap();
        }
        assert_eq!(&read, b"hello world");
    }

    #[tokio::test]
    async fn the_last_answer_arrives_though_the_peer_had_sent_more_than_was_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(&[7; 1000]).await.unwrap();
        let (mut lent, returned) = Lent::new(Stream::Plain(server), Bytes::new());
        lent.write_all(b"answer").await.unwrap();
        drop(lent);
        let closing = tokio::spawn(close(returned.await.unwrap()));
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
        drop(client);
        closing.await.unwrap();
    }
}
