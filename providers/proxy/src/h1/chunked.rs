//! The chunked transfer coding (RFC 9112 section 7.1), decoded strictly.

use super::error::BodyError;
use super::parse::{self, HeadLimits};
use crate::http::Headers;

/// Longest chunk-size line: 16 digits and extensions.
const LINE: usize = 1024;
/// Extension bytes in one body: beyond it they are a way to make us work for nothing.
const EXTENSIONS: usize = 16 * 1024;

/// State of decoding one body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    extensions: usize,
    limits: HeadLimits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

/// What the decoder made of the front of its input.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Skip this many bytes of framing, then look again.
    Skip(usize),
    /// This many bytes at the front are data.
    Data(usize),
    /// More input is needed.
    More,
    /// Skip this many bytes; the body is complete.
    End(usize, Option<Box<Headers>>),
}

impl Decoder {
    /// A decoder at the start of a body; `limits` bound the trailer section.
    pub(crate) const fn new(limits: HeadLimits) -> Self {
        Self {
            state: State::Size,
            extensions: 0,
            limits,
        }
    }

    /// Looks at the front of `input`.
    ///
    /// # Errors
    /// When the input is not a chunked body: the connection cannot be used any more.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        match self.state {
            State::Size => self.size_line(input),
            State::Data(left) if input.is_empty() => {
                debug_assert!(left > 0);
                Ok(Step::More)
            }
            State::Data(left) => Ok(Step::Data(
                usize::try_from(left).unwrap_or(usize::MAX).min(input.len()),
            )),
            State::DataEnd => match input {
                [b'\r', b'\n', ..] => {
                    self.state = State::Size;
                    Ok(Step::Skip(2))
                }
                [] | [b'\r'] => Ok(Step::More),
                _ => Err(BodyError::ChunkEnd),
            },
            State::Trailers => self.trailers(input),
            State::Done => Ok(Step::End(0, None)),
        }
    }

    /// Notes that data announced by [`Step::Data`] was taken.
    pub(crate) fn took(&mut self, count: usize) {
        if let State::Data(left) = self.state {
            let left = left.saturating_sub(count as u64);
            self.state = if left == 0 {
                State::DataEnd
            } else {
                State::Data(left)
            };
        }
    }

    fn size_line(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        let Some(end) = memchr::memchr(b'\n', input.get(..LINE).unwrap_or(input)) else {
            // Refuse early what cannot become a size line.
            if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
                return Err(BodyError::ChunkSize);
            }
            return if input.len() >= LINE {
                Err(BodyError::ChunkExtension)
            } else {
                Ok(Step::More)
            };
        };
        let line = input
            .get(..end)
            .unwrap_or_default()
            .strip_suffix(b"\r")
            .ok_or(BodyError::ChunkSize)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        if size.is_empty() || size.len() > 16 {
            return Err(BodyError::ChunkSize);
        }
        let size = size.iter().fold(0u64, |size, digit| {
            size << 4 | u64::from((*digit as char).to_digit(16).unwrap_or_default())
        });
        if size > i64::MAX as u64 {
            return Err(BodyError::ChunkSize);
        }
        if !extension.is_empty() {
            // chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
            if extension.trim_ascii_start().first() != Some(&b';') {
                return Err(BodyError::ChunkSize);
            }
            if !extension.iter().copied().all(crate::http::value_byte) {
                return Err(BodyError::ChunkExtension);
            }
            self.extensions += extension.len();
            if self.extensions > EXTENSIONS {
                return Err(BodyError::ChunkExtension);
            }
        }
        self.state = if size == 0 {
            State::Trailers
        } else {
            State::Data(size)
        };
        Ok(Step::Skip(end + 1))
    }

    fn trailers(&mut self, input: &[u8]) -> Result<Step, BodyError> {
        match input {
            [b'\r', b'\n', ..] => {
                self.state = State::Done;
                return Ok(Step::End(2, None));
            }
            [] | [b'\r'] => return Ok(Step::More),
            _ => {}
        }
        match parse::head_end(input, 0) {
            Some(end) => {
                let section = input.get(..end).unwrap_or_default();
                let trailers = parse::trailers(section, self.limits).map_err(|_| BodyError::Trailers)?;
                self.state = State::Done;
                Ok(Step::End(end, Some(Box::new(trailers))))
            }
            None if input.len() > self.limits.bytes => Err(BodyError::Trailers),
            None => Ok(Step::More),
        }
    }
}

/// What became of a chunked body.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded {
    /// Data bytes, in order.
    pub data: Vec<u8>,
    /// Bytes of input that the whole body took; `None` while it is not complete.
    pub complete: Option<usize>,
    /// Whether it was refused.
    pub refused: bool,
}

/// Decodes `input` as it would arrive in reads of `cut` bytes.
pub(crate) fn decode(input: &[u8], cut: usize, limits: HeadLimits) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut decoded = Decoded::default();
    let (mut at, mut arrived) = (0, 0);
    loop {
        let step = decoder.step(input.get(at..arrived).unwrap_or_default());
        match step {
            Ok(Step::Skip(count)) => at += count,
            Ok(Step::Data(0) | Step::More) if arrived < input.len() => {
                arrived = arrived.saturating_add(cut).min(input.len());
            }
            Ok(Step::Data(0) | Step::More) => return decoded,
            Ok(Step::Data(count)) => {
                let data = input.get(at..at + count).unwrap_or_default();
                decoded.data.extend_from_slice(data);
                decoder.took(count);
                at += count;
            }
            Ok(Step::End(count, _)) => {
                decoded.complete = Some(at + count);
                return decoded;
            }
            Err(_) => {
                decoded.refused = true;
                return decoded;
            }
        }
    }
}
