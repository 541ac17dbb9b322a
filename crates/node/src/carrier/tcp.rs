//! TCP sockets: how they are made and which options they carry.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections the kernel completes before the node has accepted them.
const BACKLOG: i32 = 1024;
/// Silence after which the kernel asks whether the far host still lives, and how often it asks again. A host that
/// vanished is given up after 10 + 3 * 3 s, unless a deadline of the session comes first.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(3);
#[cfg(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "windows"
))]
const KEEPALIVE_RETRIES: u32 = 3;
/// How long sent bytes may stay unacknowledged.
#[cfg(any(target_os = "android", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// Listens at `address`.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option would let two processes share the address.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Connects to `address`.
pub(crate) async fn dial(address: SocketAddr, send_queue_bytes: u32) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    configure(&stream, send_queue_bytes)?;
    Ok(stream)
}

/// Sets the options that every connection carries, dialed or accepted.
///
/// `send_queue_bytes` bounds what waits in the kernel without having been sent: a message handed over later cannot
/// overtake what is already there.
pub(crate) fn configure(stream: &TcpStream, send_queue_bytes: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "windows"
    ))]
    let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        socket.set_tcp_notsent_lowat(send_queue_bytes)?;
    }
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    socket.set_send_buffer_size(usize::try_from(send_queue_bytes).unwrap_or(usize::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ends_carry_the_options() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let dialed = dial(listener.local_addr().unwrap(), 65_536).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        configure(&accepted, 65_536).unwrap();
        for stream in [&dialed, &accepted] {
            assert!(stream.nodelay().unwrap());
            let socket = SockRef::from(stream);
            assert!(socket.keepalive().unwrap());
            #[cfg(target_os = "linux")]
            assert_eq!(socket.tcp_notsent_lowat().unwrap(), 65_536);
        }
    }
}
