//! [`Wire`]: a TCP connection that can be told to misbehave.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Line;

/// What every answer to HTTP/1.1 begins with; the status follows, which may not be known yet.
const HEAD: &[u8] = b"HTTP/1.1 ";

/// A TCP connection that follows the orders of its [`Line`].
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    line: Arc<Line>,
    /// Bytes of the head that have left before they were written.
    ahead: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self {
            stream,
            line,
            ahead: 0,
        }
    }

    /// Counts as written what has left before: `length` bytes or fewer.
    fn skip(&mut self, length: usize) -> Option<usize> {
        let skipped = self.ahead.min(length);
        self.ahead -= skipped;
        (skipped > 0).then_some(skipped)
    }
}

impl AsyncRead for Wire {
    /// Reads; a server reads while an answer is awaited too, to see whether the caller has left.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.line.takes_head(context.waker())
            && let Poll::Ready(Ok(sent)) = Pin::new(&mut this.stream).poll_write(context, HEAD)
        {
            this.ahead = sent;
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.skip(bytes.len()) {
            Some(skipped) => Poll::Ready(Ok(skipped)),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.skip(slices.iter().map(|slice| slice.len()).sum()) {
            Some(skipped) => Poll::Ready(Ok(skipped)),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.line.is_reset()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "closed in order instead of reset");
        }
    }
}
