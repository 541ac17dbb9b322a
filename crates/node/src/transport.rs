//! Where a node listens and dials: on sockets, or in a network in memory.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::carrier::Carrier;
use crate::carrier::memory::{MemoryListener, MemoryNetwork};
use crate::carrier::tcp;

/// What the carriers of a node are made of.
#[derive(Clone)]
pub(crate) enum Transport {
    Tcp { send_queue_bytes: u32 },
    Memory { network: MemoryNetwork, host: IpAddr },
}

impl Transport {
    pub(crate) fn tcp(send_queue_bytes: u32) -> Self {
        Self::Tcp { send_queue_bytes }
    }

    /// Dials come from the address of the first listener.
    pub(crate) fn memory(network: MemoryNetwork, listen: &[SocketAddr]) -> Self {
        let host = listen.first().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
        Self::Memory { network, host }
    }

    pub(crate) fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        match self {
            Self::Tcp { send_queue_bytes } => {
                Ok(Listener::Tcp { listener: tcp::listen(address)?, send_queue_bytes: *send_queue_bytes })
            }
            Self::Memory { network, .. } => network.listen(address).map(Listener::Memory),
        }
    }

    pub(crate) async fn dial(&self, address: SocketAddr) -> io::Result<Carrier> {
        match self {
            Self::Tcp { send_queue_bytes } => tcp::dial(address, *send_queue_bytes).await.map(Carrier::Tcp),
            Self::Memory { network, host } => {
                network.connect(SocketAddr::new(*host, 0), address).await.map(Box::new).map(Carrier::Memory)
            }
        }
    }
}

/// Accepts connections at one address.
pub(crate) enum Listener {
    Tcp { listener: TcpListener, send_queue_bytes: u32 },
    Memory(MemoryListener),
}

impl Listener {
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp { listener, .. } => listener.local_addr(),
            Self::Memory(listener) => Ok(listener.local_address()),
        }
    }

    /// The next connection and where it comes from. Safe to cancel.
    pub(crate) async fn accept(&mut self) -> io::Result<(Carrier, SocketAddr)> {
        match self {
            Self::Tcp { listener, send_queue_bytes } => {
                let (stream, address) = listener.accept().await?;
                tcp::configure(&stream, *send_queue_bytes)?;
                Ok((Carrier::Tcp(stream), address))
            }
            Self::Memory(listener) => {
                let stream = listener.accept().await;
                let address = stream.remote_address();
                Ok((Carrier::Memory(Box::new(stream)), address))
            }
        }
    }
}
