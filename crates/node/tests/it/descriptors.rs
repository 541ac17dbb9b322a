//! A node that runs out of file descriptors goes on.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::support::{PATIENCE, Pair, next};

const CHILD: &str = "CONCLAVE_TEST_FEW_DESCRIPTORS";

/// Runs [`few_descriptors`] in a process that may open few files.
#[test]
fn the_accept_loop_survives_the_lack_of_descriptors() {
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 48; exec \"$0\" --exact descriptors::few_descriptors --nocapture"])
        .arg(this)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("ran out and went on"), "{text}");
}

#[tokio::test]
async fn few_descriptors() {
    if std::env::var_os(CHILD).is_none() {
        return; // only with the few that its parent leaves it
    }
    let pair = Pair::tcp().await;
    let address = pair.bob.local_addresses()[0];
    let mut held = Vec::new();
    let exhausted = loop {
        match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => held.push(stream),
            Ok(Err(error)) => break error,
            Err(_) => panic!("the kernel accepts more than there are descriptors"),
        }
    };
    assert_eq!(exhausted.raw_os_error(), Some(24), "{exhausted}");
    // The listener fails, over and over, and must not keep the processor busy or give up.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(held);
    let (sender, mut receiver) = pair.stream("s");
    let sent = tokio::time::timeout(PATIENCE, async {
        while sender.send_confirmed("through").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    sent.await.unwrap();
    assert_eq!(next(&mut receiver).await, "through");
    println!("ran out and went on");
}
