//! A gRPC service with a method of each kind, and its client, both by tonic, written by hand where
//! `tonic-build` would generate them.

mod server;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{IntoRequest, IntoStreamingRequest, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

pub use server::Conversation;

/// Full name of the service.
pub const SERVICE: &str = "chat.v1.Conversation";

/// What either side says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Line {
    /// Its place in a conversation.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Any bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub content: Bytes,
}

impl Line {
    /// A line of this text.
    pub fn new(number: u64, content: impl Into<Bytes>) -> Self {
        Self {
            number,
            content: content.into(),
        }
    }
}

/// A client of the service on one channel.
#[derive(Clone, Debug)]
pub struct Client(Grpc<Channel>);

impl Client {
    /// On this channel; calls go on its connections, several at a time.
    pub fn new(channel: Channel) -> Self {
        Self(Grpc::new(channel))
    }

    /// One line for one line.
    pub async fn say(&mut self, request: impl IntoRequest<Line>) -> Result<Response<Line>, Status> {
        self.ready().await?;
        let request = request.into_request();
        self.0.unary(request, path("Say"), ProstCodec::default()).await
    }

    /// As many lines as the request's number, each as soon as the server lets it go.
    pub async fn count(
        &mut self,
        request: impl IntoRequest<Line>,
    ) -> Result<Response<Streaming<Line>>, Status> {
        self.ready().await?;
        let request: Request<Line> = request.into_request();
        self.0
            .server_streaming(request, path("Count"), ProstCodec::default())
            .await
    }

    /// Many lines for one: how many there were, and their content together.
    pub async fn join(
        &mut self,
        lines: impl Stream<Item = Line> + Send + 'static,
    ) -> Result<Response<Line>, Status> {
        self.ready().await?;
        let lines: Request<BoxStream<'static, Line>> = lines.boxed().into_streaming_request();
        self.0
            .client_streaming(lines, path("Join"), ProstCodec::default())
            .await
    }

    /// A line for every line, at once.
    pub async fn talk(
        &mut self,
        lines: impl Stream<Item = Line> + Send + 'static,
    ) -> Result<Response<Streaming<Line>>, Status> {
        self.ready().await?;
        let lines: Request<BoxStream<'static, Line>> = lines.boxed().into_streaming_request();
        self.0.streaming(lines, path("Talk"), ProstCodec::default()).await
    }

    /// A method that the service does not have.
    pub async fn unknown(&mut self) -> Result<Response<Line>, Status> {
        self.ready().await?;
        let request = Request::new(Line::default());
        self.0
            .unary(request, path("Unknown"), ProstCodec::default())
            .await
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::from_error(error.into()))
    }
}

fn path(method: &str) -> PathAndQuery {
    // Names of methods are letters alone.
    format!("/{SERVICE}/{method}")
        .parse()
        .unwrap_or_else(|_| PathAndQuery::from_static("/"))
}
