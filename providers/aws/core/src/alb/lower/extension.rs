//! What `AwsRouteParameters` ask of the requests of a rule.

use super::context::On;
use super::report::{Consequence, Place, Report, Verdict};
use crate::alb::before::Before;
use crate::alb::settings::RouteSettings;
use gatewright_model::key::RouteKey;
use gatewright_model::route::HttpRule;

/// What a rule names; none when it names nothing.
pub(super) fn of<'a>(route: &RouteKey, rule: &HttpRule, on: &On<'a>) -> Option<&'a RouteSettings> {
    let routes = &on.context.settings.routes;
    // Most Gateways have none, and a key is made of two names.
    if routes.is_empty() {
        return None;
    }
    routes.get(&(route.clone(), rule.index))
}

/// What a rule asks of a request before its action. What cannot be is reported at the field that names it.
pub(super) fn before(
    settings: &RouteSettings,
    object: &str,
    on: &On<'_>,
    report: &mut Report,
) -> (Verdict, Option<Before>) {
    let place = Place::new(object, &settings.field, Consequence::Answers500);
    let verdict = match &settings.before {
        None => return (Verdict::Served, None),
        Some(Err(why)) => report.refuse(&place, why, "correct the AwsRouteParameters, or what it names"),
        // "a rule for an HTTPS listener can also include one of the following user authentication actions"
        // (`API_CreateRule`).
        Some(Ok(before)) if !on.origin.https => {
            let why = format!("{} is for HTTPS listeners alone", before.kind());
            let instead = "attach the route to an HTTPS listener alone, by sectionName or port";
            report.refuse(&place, &why, instead)
        }
        Some(Ok(before)) => return (Verdict::Served, Some(before.clone())),
    };
    (verdict, None)
}
