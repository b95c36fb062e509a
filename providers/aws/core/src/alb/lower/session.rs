//! Session persistence as stickiness.
//!
//! A cookie of the load balancer binds a client to a target, one more to a target group where a rule has several
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).

use super::report::{Place, Report, Verdict};
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use gatewright_provider_api::Feature;

/// What a session lasts that has no end: AWS's default of a day.
const DEFAULT_S: u64 = 86_400;
/// Most seconds: seven days.
const MAX_S: u64 = 604_800;

/// Seconds of stickiness for a session; none when it cannot be expressed, which is reported.
pub(super) fn seconds(session: &SessionPersistence, place: &Place, report: &mut Report) -> Option<u32> {
    let SessionPersistence {
        name: _,
        carrier,
        absolute_timeout_s,
        idle_timeout_s,
    } = session;
    let feature = match carrier {
        SessionCarrier::Cookie { .. } => Feature::SessionCookie,
        SessionCarrier::Header => Feature::SessionHeader,
    };
    if report.uses(feature, place) == Verdict::Refused {
        return None;
    }
    let wanted = absolute_timeout_s.or(*idle_timeout_s).unwrap_or(DEFAULT_S);
    u32::try_from(wanted.clamp(1, MAX_S)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alb::lower::report::Consequence;
    use crate::alb::settings::Approximations;

    fn of(carrier: SessionCarrier, absolute: Option<u64>, idle: Option<u64>) -> (Option<u32>, usize) {
        let session = SessionPersistence {
            name: None,
            carrier,
            absolute_timeout_s: absolute,
            idle_timeout_s: idle,
        };
        let mut report = Report::new(Approximations::Serve);
        let place = Place::new("HTTPRoute a/b", "f", Consequence::Answers500);
        let found = seconds(&session, &place, &mut report);
        (found, report.into_items().len())
    }

    fn cookie() -> SessionCarrier {
        SessionCarrier::Cookie {
            permanent: false,
            path: "/".into(),
        }
    }

    /// API_TargetGroupStickinessConfig: 1 to 604,800 seconds.
    #[test]
    fn cookies_last_as_long_as_an_alb_allows() {
        assert_eq!(of(cookie(), None, None), (Some(86_400), 1));
        assert_eq!(of(cookie(), Some(60), Some(5)), (Some(60), 1));
        assert_eq!(of(cookie(), None, Some(5)), (Some(5), 1));
        assert_eq!(of(cookie(), Some(0), None), (Some(1), 1));
        assert_eq!(of(cookie(), Some(10_000_000), None), (Some(604_800), 1));
    }

    #[test]
    fn headers_carry_no_session() {
        assert_eq!(of(SessionCarrier::Header, Some(60), None), (None, 1));
    }
}
