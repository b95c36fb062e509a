//! WebSocket connections and idle timeouts.

use super::backend::Backend;
use super::client::{Body, Connection, get, send};
use super::world::{World, all, attribute};
use http::Request;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn upgraded(world: &World) -> TokioIo<Upgraded> {
    let request = Request::get("/ws")
        .header("host", "example.com")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "x")
        .body(Body::default())
        .unwrap();
    let response = Connection::open(world.at).await.head(request).await.unwrap();
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["sec-websocket-accept"], "yes");
    TokioIo::new(hyper::upgrade::on(response).await.unwrap())
}

#[tokio::test]
async fn a_connection_becomes_one_with_the_target_s() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world.healthy_group("tg", &[&backend]).await;
    let mut stream = upgraded(&world).await;
    for round in 0..3_u8 {
        stream.write_all(&[round; 5]).await.unwrap();
        let mut echoed = [0; 5];
        timeout(Duration::from_secs(10), stream.read_exact(&mut echoed))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(echoed, [round; 5]);
    }
    // It ends when the target's deregistration is over.
    world.group("tg").targets.clear();
    world.publish().await;
    let ended = timeout(Duration::from_secs(10), stream.read(&mut [0; 1]))
        .await
        .unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let backend = Backend::start("a").await;
    let mut world = World::start(all("tg")).await;
    world
        .balancer()
        .attributes
        .extend([attribute("idle_timeout.timeout_seconds", "1")]);
    world.healthy_group("tg", &[&backend]).await;
    // One that never said anything, and a WebSocket.
    let mut silent = TcpStream::connect(world.at).await.unwrap();
    let mut websocket = upgraded(&world).await;
    for stream in [
        &mut silent as &mut (dyn tokio::io::AsyncRead + Unpin + Send),
        &mut websocket,
    ] {
        let ended = timeout(Duration::from_secs(10), stream.read(&mut [0; 64]))
            .await
            .expect("it stays open");
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
    assert_eq!(send(world.at, get("/")).await.status, 200);
}
