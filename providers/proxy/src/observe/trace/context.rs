//! W3C Trace Context (Recommendation of 2021-11-23, sections 3.2 and 3.3).

use crate::http::Headers;

const LEN: usize = 55;

/// The caller's span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) sampled: bool,
}

/// Identity of a span and what is told about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceContext {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) sampled: bool,
}

impl Parent {
    /// Reads `traceparent`. None when it is absent, repeated, or malformed: then a new trace begins
    /// (section 4.3).
    pub(super) fn read(headers: &Headers) -> Option<Self> {
        let mut values = headers.get_all("traceparent");
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value)
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let version = hex(value.get(..2)?)? as u8;
        // Version 0 ends here; later ones may go on behind another dash.
        let ends = match value.get(LEN) {
            None => true,
            Some(next) => version > 0 && *next == b'-',
        };
        let dashes = [2, 35, 52].into_iter().all(|at| value.get(at) == Some(&b'-'));
        if version == 0xff || !ends || !dashes {
            return None;
        }
        let trace_id = hex(value.get(3..35)?)?;
        let span_id = hex(value.get(36..52)?)? as u64;
        let flags = hex(value.get(53..55)?)? as u8;
        (trace_id != 0 && span_id != 0).then_some(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case hexadecimal digits only.
fn hex(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0u128, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

impl TraceContext {
    /// Writes the context as the backend's parent. `tracestate` goes on within a trace and ends with
    /// one that could not be continued.
    pub(super) fn write(&self, headers: &mut Headers, continued: bool) {
        if !continued {
            headers.remove("tracestate");
        }
        let text = format!(
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id,
            self.span_id,
            u8::from(self.sampled)
        );
        let _ = headers.set_raw("traceparent", text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::Parent;
    use crate::http::Headers;

    #[test]
    fn traceparents() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed = Parent::parse(good.as_bytes()).unwrap();
        assert_eq!(parsed.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(parsed.span_id, 0xb7ad_6b71_6920_3331);
        assert!(parsed.sampled);
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-what";
        assert!(Parent::parse(later.as_bytes()).unwrap().sampled);
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
        ] {
            assert!(Parent::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        let mut headers = Headers::new();
        headers.append_raw(b"traceparent", good.as_bytes()).unwrap();
        assert!(Parent::read(&headers).is_some());
        headers.append_raw(b"traceparent", good.as_bytes()).unwrap();
        assert!(Parent::read(&headers).is_none(), "repeated");
    }
}
