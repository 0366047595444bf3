//! Listening, and stopping: finish what is in flight, then go.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use tokio::{net::TcpListener, sync::oneshot};

use super::routes;
use crate::engine::Engine;

/// Serves until `stop` is done and what was in flight then is answered, or has had its time.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    engine: Arc<Engine>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Answers are small and each is worth sending at once.
    let listener = listener.tap_io(|stream| {
        drop(stream.set_nodelay(true));
    });
    let service = routes(&engine).into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping: no new connections, finishing what is in flight");
        let _ = stopping.send(());
    });
    let overdue = async {
        // A server that ended by itself never says that it is stopping.
        if stopped.await.is_ok() {
            tokio::time::sleep(DRAIN).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = server => ended,
        () = overdue => {
            tracing::warn!("some connections were still open when the time was up");
            Ok(())
        }
    }
}

/// How long requests in flight may take once the node is to stop.
const DRAIN: Duration = Duration::from_secs(20);
