//! A gRPC server for one unary method, made of the HTTP/2 library alone.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

type Answer = dyn Fn(&HeaderMap, &[u8]) -> Vec<u8> + Send + Sync;

/// Answers calls of the method at `path` with what `answer` makes of their fields and message.
pub fn server(
    path: &'static str,
    answer: impl Fn(&HeaderMap, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let answer: Arc<Answer> = Arc::new(answer);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, path, Arc::clone(&answer)));
            }
        });
    });
    address
}

async fn serve(stream: TcpStream, path: &'static str, answer: Arc<Answer>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            assert_eq!(request.uri().path(), path);
            assert_eq!(request.headers()["te"], "trailers");
            assert_eq!(request.headers()["content-type"], "application/grpc");
            let fields = request.headers().clone();
            let mut body = request.into_body();
            let mut bytes = BytesMut::new();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
                bytes.put(data);
            }
            // A message is a flag for compression and four bytes of length, then itself.
            assert_eq!(bytes[0], 0);
            let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
            assert_eq!(length, bytes.len() - 5);
            let message = answer(&fields, &bytes[5..]);
            let mut frame = BytesMut::new();
            frame.put_u8(0);
            frame.put_u32(message.len() as u32);
            frame.put(message.as_slice());
            let head = http::Response::builder()
                .header("content-type", "application/grpc")
                .body(())
                .unwrap();
            let mut send = respond.send_response(head, false).unwrap();
            send.send_data(Bytes::from(frame), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        });
    }
}
