//! Frames from the client (RFC 9113 section 6).

use super::connection::{Block, Connection, DEFAULT_WINDOW, Ending};
use super::frame::{self, Head, Reason, flag, kind, setting};
use super::hpack::Passage;
use super::request::{Fields, Flaw, Ignored, Request, RequestFields, TrailerFields};
use super::stream::{By, Stream};
use http::StatusCode;

/// Frames that one header block may come in.
const BLOCK_FRAMES: u32 = 32;
/// DATA frames in a row that carry nothing and end nothing.
const EMPTY_FRAMES: u32 = 100;

/// What a header block holds.
#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Whole(&'a [u8]),
    /// More than may be: it was passed over.
    Passed,
}

impl Connection {
    /// Takes the whole frames at the front of `input`; answers how many bytes they were. Stops early
    /// while the client does not take our answers.
    ///
    /// # Errors
    /// With the reason for which the connection must end.
    pub(crate) fn receive(&mut self, input: &[u8]) -> Result<usize, Reason> {
        let mut taken = 0;
        if !self.greeted {
            let known = input.len().min(frame::PREFACE.len());
            if input.get(..known) != frame::PREFACE.get(..known) {
                return Err(Reason::Protocol);
            }
            if known < frame::PREFACE.len() {
                return Ok(0);
            }
            self.greeted = true;
            taken = known;
        }
        while self.has_room() {
            let rest = input.get(taken..).unwrap_or_default();
            let Some(head) = Head::parse(rest) else { break };
            if head.length > frame::MAX_PAYLOAD {
                return Err(Reason::FrameSize);
            }
            let Some(payload) = rest.get(frame::HEAD..frame::HEAD + head.length) else {
                break;
            };
            self.frame(head, payload)?;
            taken += frame::HEAD + head.length;
        }
        Ok(taken)
    }

    fn frame(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let within = self.block.as_ref().map(|block| block.head.stream);
        if within.is_some_and(|stream| head.kind != kind::CONTINUATION || head.stream != stream)
            || (!self.settled && head.kind != kind::SETTINGS)
        {
            return Err(Reason::Protocol);
        }
        let of_stream = matches!(
            head.kind,
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::CONTINUATION
        );
        let of_connection = matches!(head.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if (of_stream && head.stream == 0) || (of_connection && head.stream != 0) {
            return Err(Reason::Protocol);
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers(head, payload),
            kind::PRIORITY => self.priority(head, payload),
            kind::RST_STREAM => self.rst_stream(head, payload),
            kind::SETTINGS => self.settings(head, payload),
            kind::PUSH_PROMISE => Err(Reason::Protocol),
            kind::PING => self.pinged(head, payload),
            kind::GOAWAY => {
                self.leaving = true;
                Ok(())
            }
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            kind::CONTINUATION => self.continuation(head, payload),
            // RFC 9113 section 4.1: unknown types are ignored.
            _ => Ok(()),
        }
    }

    /// Whether a stream has never been opened (RFC 9113 section 5.1.1).
    const fn is_idle(&self, id: u32) -> bool {
        id > self.last || id.is_multiple_of(2)
    }

    fn data(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let id = head.stream;
        if self.is_idle(id) {
            return Err(Reason::Protocol);
        }
        let data = frame::unpadded(head, payload).ok_or(Reason::Protocol)?;
        let ends = head.has(flag::END_STREAM);
        if data.is_empty() && !ends {
            self.empty += 1;
            if self.empty > EMPTY_FRAMES {
                return Err(Reason::EnhanceYourCalm);
            }
        } else {
            self.empty = 0;
        }
        // Padding counts (RFC 9113 section 6.1).
        let size = frame::size(payload);
        self.recv_window -= size;
        if self.recv_window < 0 {
            return Err(Reason::FlowControl);
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            self.credit(payload.len());
            return match self.closed.find(id) {
                Some(By::Us) => Ok(()),
                _ => self.stream_error(id, Reason::StreamClosed),
            };
        };
        if stream.received {
            self.credit(payload.len());
            return self.stream_error(id, Reason::StreamClosed);
        }
        stream.recv_window -= size;
        if stream.recv_window < 0 {
            self.credit(payload.len());
            return self.stream_error(id, Reason::FlowControl);
        }
        // RFC 9113 section 8.1.1: the parts must add up to what was announced.
        let left = stream.left.map(|left| left.checked_sub(data.len() as u64));
        if left == Some(None) || (ends && left.flatten().is_some_and(|left| left > 0)) {
            self.credit(payload.len());
            return self.stream_error(id, Reason::Protocol);
        }
        stream.left = left.flatten();
        stream.inbox.extend_from_slice(data);
        stream.received = ends;
        stream.wake();
        let padding = payload.len() - data.len();
        if padding > 0 {
            self.consumed(id, padding);
        }
        Ok(())
    }

    fn headers(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let fragment = frame::unpadded(head, payload).ok_or(Reason::Protocol)?;
        let fragment = if head.has(flag::PRIORITY) {
            fragment.get(5..).ok_or(Reason::FrameSize)?
        } else {
            fragment
        };
        if head.has(flag::END_HEADERS) {
            // A stream that depends on itself (RFC 7540 section 5.3.1; RFC 9113 leaves it to us).
            let dependency = head.has(flag::PRIORITY).then(|| {
                let priority = payload.get(usize::from(head.has(flag::PADDED))..);
                priority.and_then(frame::number).unwrap_or_default() & 0x7fff_ffff
            });
            return self.block(head, Content::Whole(fragment), dependency == Some(head.stream));
        }
        self.block = Some(Block {
            head,
            bytes: fragment.to_vec(),
            frames: 1,
            passage: None,
        });
        Ok(())
    }

    fn continuation(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let mut block = self.block.take().ok_or(Reason::Protocol)?;
        block.frames += 1;
        if block.frames > BLOCK_FRAMES {
            return Err(Reason::EnhanceYourCalm);
        }
        block.bytes.extend_from_slice(payload);
        if block.passage.is_none()
            && block.bytes.len() > self.settings.header_list as usize + frame::MAX_PAYLOAD
        {
            block.passage = Some(Passage::default());
        }
        if let Some(passage) = &mut block.passage {
            let passed = self.decoder.pass(passage, &block.bytes);
            block.bytes.drain(..passed.map_err(|_| Reason::Compression)?);
        }
        if !head.has(flag::END_HEADERS) {
            self.block = Some(block);
            return Ok(());
        }
        match block.passage {
            None => self.block(block.head, Content::Whole(&block.bytes), false),
            Some(passage) if passage.is_between_fields() && block.bytes.is_empty() => {
                self.block(block.head, Content::Passed, false)
            }
            Some(_) => Err(Reason::Compression),
        }
    }

    /// A whole header block.
    fn block(&mut self, head: Head, block: Content<'_>, itself: bool) -> Result<(), Reason> {
        let id = head.stream;
        let ends = head.has(flag::END_STREAM);
        if self.streams.contains_key(&id) {
            return self.trailers(id, block, ends);
        }
        if id.is_multiple_of(2) {
            return Err(Reason::Protocol);
        }
        if id <= self.last {
            return match self.closed.find(id) {
                Some(By::Us) => self.decode(block, &mut Ignored),
                Some(By::Client) => Err(Reason::StreamClosed),
                None => Err(Reason::Protocol),
            };
        }
        if self.ending == Ending::Decided {
            // Beyond what GOAWAY promised: ignored (RFC 9113 section 6.8).
            return self.decode(block, &mut Ignored);
        }
        self.last = id;
        if self.streams.len() >= self.settings.streams as usize {
            self.decode(block, &mut Ignored)?;
            return self.stream_error(id, Reason::Refused);
        }
        let mut fields = RequestFields::new(self.settings.header_list as usize);
        self.decode(block, &mut fields)?;
        let request = match fields.finish(ends) {
            _ if itself => return self.stream_error(id, Reason::Protocol),
            Ok(request) => Ok(request),
            Err(Flaw::Malformed) => return self.stream_error(id, Reason::Protocol),
            Err(Flaw::TooLarge) => Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        };
        self.request(id, request, ends)
    }

    fn request(&mut self, id: u32, request: Result<Request, StatusCode>, ends: bool) -> Result<(), Reason> {
        let announced = request.as_ref().ok().and_then(|request| request.content_length);
        if ends && announced.is_some_and(|length| length > 0) {
            return self.stream_error(id, Reason::Protocol);
        }
        // Until the client knows our settings it may use the default window.
        let window = if self.acknowledged {
            self.settings.stream_window
        } else {
            self.settings.stream_window.max(DEFAULT_WINDOW)
        };
        let mut stream = Stream::new(i64::from(window), self.initial_window);
        stream.received = ends;
        stream.left = announced;
        self.open(id, stream, request.map(Box::new));
        Ok(())
    }

    fn trailers(&mut self, id: u32, block: Content<'_>, ends: bool) -> Result<(), Reason> {
        let mut fields = TrailerFields::new(self.settings.header_list as usize);
        self.decode(block, &mut fields)?;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if stream.received {
            return self.stream_error(id, Reason::StreamClosed);
        }
        // RFC 9113 section 8.1: trailers end the stream.
        let short = stream.left.is_some_and(|left| left > 0);
        match fields.finish() {
            Ok(trailers) if ends && !short => {
                stream.trailers = trailers;
                stream.received = true;
                stream.wake();
                Ok(())
            }
            _ => self.stream_error(id, Reason::Protocol),
        }
    }

    /// Decodes a block, also one that nobody wants: the table must stay in step (RFC 9113 section 4.3).
    fn decode(&mut self, block: Content<'_>, fields: &mut impl Fields) -> Result<(), Reason> {
        match block {
            Content::Whole(block) => self
                .decoder
                .decode(block, fields)
                .map_err(|_| Reason::Compression),
            Content::Passed => {
                fields.exceed();
                Ok(())
            }
        }
    }

    fn priority(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let reason = if payload.len() != 5 {
            Reason::FrameSize
        } else if frame::number(payload).unwrap_or_default() & 0x7fff_ffff == head.stream {
            Reason::Protocol
        } else {
            return Ok(());
        };
        if self.streams.contains_key(&head.stream) {
            self.stream_error(head.stream, reason)
        } else {
            Err(reason)
        }
    }

    fn rst_stream(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if payload.len() != 4 {
            return Err(Reason::FrameSize);
        }
        if self.is_idle(head.stream) {
            return Err(Reason::Protocol);
        }
        if self.streams.contains_key(&head.stream) {
            self.remove(head.stream, By::Client);
            self.fault()?;
        }
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if head.has(flag::ACK) {
            self.acknowledged = true;
            return if !payload.is_empty() {
                Err(Reason::FrameSize)
            } else if self.settled {
                Ok(())
            } else {
                Err(Reason::Protocol)
            };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(Reason::FrameSize);
        }
        for entry in payload.chunks_exact(6) {
            if let [a, b, value @ ..] = entry
                && let Some(value) = frame::number(value)
            {
                self.set(u16::from_be_bytes([*a, *b]), value)?;
            }
        }
        self.settled = true;
        frame::write(&mut self.output, kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    /// RFC 9113 section 6.5.2.
    fn set(&mut self, id: u16, value: u32) -> Result<(), Reason> {
        match id {
            setting::ENABLE_PUSH if value > 1 => Err(Reason::Protocol),
            setting::INITIAL_WINDOW_SIZE => {
                let value = i64::from(value);
                if value > frame::MAX_WINDOW {
                    return Err(Reason::FlowControl);
                }
                // RFC 9113 section 6.9.2: it changes the windows of open streams too.
                let change = value - self.initial_window;
                self.initial_window = value;
                for stream in self.streams.values_mut() {
                    stream.send_window += change;
                    if stream.send_window > frame::MAX_WINDOW {
                        return Err(Reason::FlowControl);
                    }
                    stream.wake();
                }
                Ok(())
            }
            setting::MAX_FRAME_SIZE => {
                if !(frame::MAX_PAYLOAD..1 << 24).contains(&(value as usize)) {
                    return Err(Reason::Protocol);
                }
                // Larger ones would only make other streams wait longer.
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn pinged(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        if payload.len() != 8 {
            return Err(Reason::FrameSize);
        }
        if head.has(flag::ACK) {
            self.ponged(payload);
        } else {
            frame::write(&mut self.output, kind::PING, flag::ACK, 0, payload);
        }
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8]) -> Result<(), Reason> {
        let increment = match (payload.len(), frame::number(payload)) {
            (4, Some(increment)) => i64::from(increment & 0x7fff_ffff),
            _ => return Err(Reason::FrameSize),
        };
        if head.stream == 0 {
            self.send_window += increment;
            if increment == 0 {
                return Err(Reason::Protocol);
            }
            if self.send_window > frame::MAX_WINDOW {
                return Err(Reason::FlowControl);
            }
            self.wake_waiting();
            return Ok(());
        }
        if self.is_idle(head.stream) {
            return Err(Reason::Protocol);
        }
        let Some(stream) = self.streams.get_mut(&head.stream) else {
            // On its way while the stream was closed (RFC 9113 section 5.1).
            return Ok(());
        };
        stream.send_window += increment;
        stream.wake();
        if increment == 0 {
            return self.stream_error(head.stream, Reason::Protocol);
        }
        if stream.send_window > frame::MAX_WINDOW {
            return self.stream_error(head.stream, Reason::FlowControl);
        }
        Ok(())
    }
}
