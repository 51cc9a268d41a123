//! A cable that can be cut: whoever connects to it reaches a member, as long as it is whole.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One direction of the way between two members.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    whole: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Cable {
    /// A cable that ends at `target`.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let whole = Arc::new(watch::Sender::new(true));
        let state = Arc::clone(&whole);
        #[expect(
            clippy::disallowed_methods,
            reason = "a test that ends ends its cables"
        )]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *state.borrow() {
                    tokio::spawn(carry(stream, target, state.subscribe()));
                }
            }
        });
        Self {
            address,
            whole,
            task,
        }
    }

    /// Ends every connection, and refuses new ones until it is mended.
    pub(crate) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    let cut = async { while whole.changed().await.is_ok() && *whole.borrow_and_update() {} };
    tokio::select! {
        () = cut => {}
        _end = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
    }
}
