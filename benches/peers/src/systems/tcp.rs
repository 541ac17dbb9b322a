//! Plain TCP: the floor. Nothing is encrypted, nobody is authenticated.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};

use super::stream::{self, StreamSession};
use crate::system::{Dialer, Setting, System};

/// The system.
pub struct Tcp;

impl System for Tcp {
    const NAME: &'static str = "tcp";
    const LABEL: &'static str = "TCP (not encrypted)";
    const BATCHING: &'static str = stream::BATCHING;
    type Host = Listening;
    type Dialer = TcpDialer;

    fn dialer(_: usize) -> Result<TcpDialer> {
        Ok(TcpDialer { address: None })
    }

    async fn host(setting: Setting) -> Result<(Listening, String)> {
        let idle = setting.idle;
        listen(move |socket| async move { stream::serve(socket, idle).await }).await
    }
}

/// A task that accepts.
pub struct Listening(tokio::task::JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listening {
    /// One that is already at work.
    pub fn new(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

/// Accepts on loopback, each connection in a task of its own, and says where.
pub async fn listen<F: Future<Output = Result<()>> + Send>(
    serve: impl Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
) -> Result<(Listening, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let task = async move {
        while let Ok((socket, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move {
                // The dialing end says what went wrong: it gets no answer.
                let served = async { serve(nodelay(socket)?).await };
                served.await.unwrap_or_else(|error| eprintln!("a connection ended: {error:#}"));
            });
        }
    };
    Ok((Listening::new(task), address))
}

/// A connection to such a listener.
pub async fn connect(address: Option<SocketAddr>) -> Result<TcpStream> {
    nodelay(TcpStream::connect(address.ok_or_else(|| anyhow::anyhow!("nobody was met"))?).await?)
}

fn nodelay(socket: TcpStream) -> Result<TcpStream> {
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The dialing end.
pub struct TcpDialer {
    address: Option<SocketAddr>,
}

impl Dialer for TcpDialer {
    type Session = StreamSession<TcpStream>;

    async fn meet(&mut self, invitation: &str) -> Result<()> {
        self.address = Some(invitation.parse()?);
        Ok(())
    }

    async fn connect(&mut self, _: usize) -> Result<Self::Session> {
        Ok(StreamSession::new(connect(self.address).await?, ()))
    }
}
