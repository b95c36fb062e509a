//! Session persistence as stickiness.
//!
//! A cookie of the load balancer binds a client to a target, one more to a target group where a rule has several
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>).

use super::report::{Place, Report};
use gatewright_model::route::{SessionCarrier, SessionPersistence};
use gatewright_provider_api::Feature;

/// What a session lasts that has no end: AWS's default of a day.
const DEFAULT_S: u64 = 86_400;
/// Most seconds: seven days.
const MAX_S: u64 = 604_800;

/// Seconds of stickiness for a session; none when it cannot be expressed, which is reported. A target group has one time, of
/// 1 second to 7 days; no page says whether it begins anew with each request.
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
    let mut verdict = report.uses(feature, place);
    if verdict.is_refused() {
        return None;
    }
    let (name, wanted) = match (absolute_timeout_s, idle_timeout_s) {
        (Some(absolute), _) => ("absoluteTimeout", *absolute),
        (None, Some(idle)) => ("idleTimeout", *idle),
        (None, None) => ("absoluteTimeout", DEFAULT_S),
    };
    match (absolute_timeout_s, idle_timeout_s) {
        (Some(_), Some(_)) => {
            let difference = "a session has one time, that of absoluteTimeout: idleTimeout has no effect";
            verdict = verdict.and(report.approximate(place, difference));
        }
        (None, Some(_)) => {
            let difference =
                "whether the time of idleTimeout begins anew with each request is not documented";
            verdict = verdict.and(report.approximate(place, difference));
        }
        (None, None) => {
            let difference = "a session without absoluteTimeout ends after a day (86400 s)";
            verdict = verdict.and(report.approximate(place, difference));
        }
        (Some(_), None) => {}
    }
    let served = wanted.clamp(1, MAX_S);
    if served != wanted {
        let difference = format!("{name}: found {wanted} s, accepted are 1 s to 7 days: it is {served} s");
        verdict = verdict.and(report.approximate(place, &difference));
    }
    if verdict.is_refused() {
        return None;
    }
    u32::try_from(served).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alb::lower::report::Consequence;
    use crate::alb::settings::Approximations;

    /// The seconds, and what is told beside the cookie being the load balancer's.
    fn of(carrier: SessionCarrier, absolute: Option<u64>, idle: Option<u64>) -> (Option<u32>, Vec<String>) {
        told(carrier, (absolute, idle), Approximations::Serve)
    }

    fn told(
        carrier: SessionCarrier,
        (absolute, idle): (Option<u64>, Option<u64>),
        approximations: Approximations,
    ) -> (Option<u32>, Vec<String>) {
        let session = SessionPersistence {
            name: None,
            carrier,
            absolute_timeout_s: absolute,
            idle_timeout_s: idle,
        };
        let mut report = Report::new(approximations);
        let place = Place::new("HTTPRoute a/b", "f", Consequence::Answers500);
        let found = seconds(&session, &place, &mut report);
        let items = report.into_items().into_iter();
        let others = items.filter(|item| !item.why.contains("name and attributes"));
        (found, others.map(|item| item.why.to_string()).collect())
    }

    fn cookie() -> SessionCarrier {
        SessionCarrier::Cookie {
            permanent: false,
            path: "/".into(),
        }
    }

    /// API_TargetGroupStickinessConfig: 1 to 604,800 seconds.
    #[test]
    fn cookies_last_as_long_as_an_alb_allows_and_every_other_time_is_told() {
        let nothing = Vec::<String>::new();
        assert_eq!(of(cookie(), Some(1), None), (Some(1), nothing.clone()));
        assert_eq!(of(cookie(), Some(604_800), None), (Some(604_800), nothing));
        let cases = [
            (None, None, 86_400, "ends after a day"),
            (Some(60), Some(5), 60, "idleTimeout has no effect"),
            (None, Some(5), 5, "begins anew"),
            (
                Some(0),
                None,
                1,
                "absoluteTimeout: found 0 s, accepted are 1 s to 7 days: it is 1 s",
            ),
            (Some(604_801), None, 604_800, "found 604801 s"),
        ];
        for (absolute, idle, seconds, words) in cases {
            let (found, told) = of(cookie(), absolute, idle);
            assert_eq!(found, Some(seconds), "{words}");
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
        let (found, told) = of(cookie(), None, Some(10_000_000));
        assert_eq!((found, told.len()), (Some(604_800), 2), "{told:?}");
    }

    #[test]
    fn a_time_that_is_not_as_asked_for_can_be_refused() {
        let times = (Some(604_801), None);
        assert_eq!(told(cookie(), times, Approximations::Refuse).0, None);
    }

    #[test]
    fn headers_carry_no_session() {
        let (found, told) = of(SessionCarrier::Header, Some(60), None);
        assert_eq!(found, None);
        assert!(told.len() == 1 && told[0].contains("by cookie"), "{told:?}");
    }
}
