//! [`Port`]: an address that listens or refuses.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use clock::Clock;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that may wait to be accepted, as far as the system lets them.
///
/// By itself tokio asks for 128. A burst of more than that, while the acceptor is waiting for a busy
/// core, would lose some, and who is lost asks again only after a second.
const BACKLOG: u32 = 4_096;

/// How long nothing is accepted after the system refused to: it has run out of something.
const RESPITE: Duration = Duration::from_secs(1);

/// An address that listens or refuses.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Listening(TcpListener),
    /// Bound without listening, where the system allows it: so nobody else gets the port, and
    /// whoever connects is refused.
    Refusing(Option<TcpSocket>),
}

impl Port {
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            state: State::Listening(listener),
        })
    }

    /// Listens, unless it does.
    pub(super) fn open(&mut self) -> io::Result<()> {
        if let State::Refusing(socket) = &mut self.state {
            let socket = match socket.take() {
                Some(socket) => socket,
                None => bind(self.address)?,
            };
            self.state = State::Listening(socket.listen(BACKLOG)?);
        }
        Ok(())
    }

    /// Refuses, and says whether it listened before.
    pub(super) fn close(&mut self) -> bool {
        if let State::Refusing(_) = self.state {
            return false;
        }
        // The listener has to be gone before the port can be bound again.
        self.state = State::Refusing(None);
        self.state = State::Refusing(bind(self.address).ok());
        true
    }

    /// The next connection; never while it refuses.
    pub(super) async fn accept(&self) -> TcpStream {
        let State::Listening(listener) = &self.state else {
            return pending().await;
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Tokens leave one by one: they must not wait for each other.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "no TCP_NODELAY");
                    }
                    return stream;
                }
                Err(error) if is_of_the_caller(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    let clock = Clock::system();
                    clock.sleep_until(clock.now() + RESPITE).await;
                }
            }
        }
    }
}

/// Listens on `address`, with room for a burst of connections.
///
/// # Errors
/// When the address is taken, or none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address)?.listen(BACKLOG)
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Connections that are closing still hold the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Whether only the connection that was to be accepted is lost.
fn is_of_the_caller(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
